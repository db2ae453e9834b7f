// Draws overlay cards on the picture of a video element.
//
// This module depends on nothing: copy it into a page of yours with cards.css, and write your own design into that file
// (cards.js in kit/ is the same for pages without TypeScript).
//
//	<div id="stage"><video id="video"></video></div>       // the stage is positioned: position: relative
//
//	const cards = new Cards(stage, video);
//	cards.show(shown);                                     // what States.at gives, at each picture; null: nothing
//	cards.close();
//
// All that is drawn is untrusted: shops wrote it. Text stays text, only https links are followed and fetched, lengths are
// bounded, and a card that cannot be sold (no id, title or link) is not drawn. A page that shows cards needs img-src https: in
// its Content Security Policy, and no inline script or style.
/** Places on the picture that have names. */
export const anchors = ["top-left", "top", "top-right", "left", "center", "right", "bottom-left", "bottom", "bottom-right", "lower-third"];
export const english = {
    products: "Products in this show",
    price: "Price",
    was: "was",
    avail: { in_stock: "In stock", limited: "Few left", preorder: "Pre-order", backorder: "On back order", out_of_stock: "Sold out" },
    left: (stock) => `${stock} left`,
};
const maxCards = 4;
const maxAmount = 1e12;
const maxLink = 200; // bytes
const fewLeft = 10; // pieces up to which the stock is said
// ---- what a card may say
/** Checks the cards of a state and gives those that can be drawn. */
export function readCards(show) {
    const cards = new Map();
    for (const value of Array.isArray(show) ? show.slice(0, maxCards) : []) {
        const card = readCard(value);
        if (card && !cards.has(card.slot))
            cards.set(card.slot, card);
    }
    return [...cards.values()];
}
function readCard(value) {
    const { slot, pos, style, product } = members(value);
    const { id, title, link, variant, price, was, avail, stock, image, lang } = members(product);
    const checked = { id: text(id, 50), title: text(title, 80), link: https(link) };
    if (!isToken(slot) || !checked.id || !checked.title || !checked.link)
        return null;
    const now = money(price);
    const before = money(was);
    const optional = {
        variant: text(variant, 40),
        price: now,
        was: now && before && before.currency === now.currency && before.amount > now.amount ? before : undefined,
        avail: typeof avail === "string" && Object.hasOwn(english.avail, avail) ? avail : undefined,
        stock: Number.isSafeInteger(stock) && stock >= 0 ? stock : undefined,
        image: https(image),
        lang: typeof lang === "string" && /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$/.test(lang) ? lang : undefined,
    };
    const sound = Object.entries(optional).filter(([, v]) => v !== undefined && v !== "");
    return {
        slot,
        pos: place(pos),
        style: isToken(style) ? style : "card",
        product: { ...checked, ...Object.fromEntries(sound) },
    };
}
function members(value) {
    return typeof value === "object" && value !== null ? value : {};
}
function isToken(value) {
    return typeof value === "string" && /^[a-z0-9-]{1,16}$/.test(value);
}
// Gives at most so many code points, without control characters and without those that turn the direction of what follows.
function text(value, most) {
    if (typeof value !== "string")
        return "";
    return [...value.slice(0, most * 4).replace(/[\p{Cc}\p{Bidi_Control}]/gu, " ")].slice(0, most).join("").trim();
}
function https(value) {
    if (typeof value !== "string" || !value.startsWith("https://") || new TextEncoder().encode(value).length > maxLink)
        return "";
    try {
        const url = new URL(value);
        return url.protocol === "https:" && url.username === "" && url.password === "" ? url.href : "";
    }
    catch {
        return "";
    }
}
function money(value) {
    const { amount, currency } = members(value);
    if (!Number.isSafeInteger(amount) || amount < 0 || amount > maxAmount)
        return undefined;
    return typeof currency === "string" && /^[A-Z]{3}$/.test(currency) ? { amount: amount, currency } : undefined;
}
function place(value) {
    if (Array.isArray(value) && value.length === 4 && value.every((n) => Number.isInteger(n) && n >= 0 && n <= 1000)) {
        const [x, y, w, h] = value;
        if (w > 0 && h > 0 && x + w <= 1000 && y + h <= 1000)
            return [x, y, w, h];
    }
    return anchors.find((a) => a === value) ?? "lower-third";
}
// ---- money
const exponents = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
};
/** Gives the digits behind the point of a currency's amounts. */
export function exponent(currency) {
    return Number(Object.keys(exponents).find((n) => exponents[Number(n)].split(" ").includes(currency)) ?? 2);
}
/** Gives an amount as digits with a point, such as 24.99, without floating point. */
export function decimal({ amount, currency }) {
    const digits = exponent(currency);
    const all = String(amount).padStart(digits + 1, "0");
    return digits ? `${all.slice(0, -digits)}.${all.slice(-digits)}` : all;
}
/** Gives an amount as people of a locale write it. */
export function price(value, locale) {
    const digits = exponent(value.currency);
    const format = { style: "currency", currency: value.currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(locale, format).format(decimal(value));
}
/** Gives where in a box of w × h the picture of a video stands, in the middle as CSS's object-fit has it. */
export function pictureIn(w, h, pictureW, pictureH, fit) {
    if (!(pictureW > 0 && pictureH > 0) || fit === "fill")
        return { x: 0, y: 0, w, h };
    const contain = Math.min(w / pictureW, h / pictureH);
    const scales = { cover: Math.max(w / pictureW, h / pictureH), none: 1, "scale-down": Math.min(1, contain) };
    const scale = scales[fit] ?? contain;
    return { x: (w - pictureW * scale) / 2, y: (h - pictureH * scale) / 2, w: pictureW * scale, h: pictureH * scale };
}
/** Draws cards over a video. One object for each video; close it before the video goes. */
export class Cards {
    #layer;
    #over;
    #video;
    #locale;
    #words;
    #drawn = new Map(); // by slot
    #fields = new Map(); // by anchor: the cards there, one below the other
    #sizes;
    #shown = null;
    /** `over` is a positioned element that contains the video. */
    constructor(over, video, options = {}) {
        this.#over = over;
        this.#video = video;
        this.#locale = options.locale;
        this.#words = options.words ?? english;
        this.#layer = element("section", "simulcart-cards");
        this.#layer.setAttribute("aria-label", this.#words.products);
        this.#layer.setAttribute("aria-live", "polite");
        over.append(this.#layer);
        this.#sizes = new ResizeObserver(this.#fit);
        this.#sizes.observe(over);
        this.#sizes.observe(video);
        video.addEventListener("resize", this.#fit); // the size of the picture itself
        this.#fit();
    }
    /** Shows the cards of a state and takes all others away. The same object again costs nothing. */
    show(shown) {
        if (shown === this.#shown)
            return;
        this.#shown = shown;
        const cards = readCards(shown?.show);
        for (const [slot, drawn] of this.#drawn) {
            if (cards.some((c) => c.slot === slot && c.product.id === drawn.product))
                continue;
            drawn.root.remove();
            this.#drawn.delete(slot);
        }
        for (const card of cards)
            this.#draw(card);
    }
    /** Takes everything away. */
    close() {
        this.#sizes.disconnect();
        this.#video.removeEventListener("resize", this.#fit);
        this.#layer.remove();
    }
    #draw(card) {
        const { slot, product } = card;
        let drawn = this.#drawn.get(slot);
        if (!drawn) {
            drawn = this.#make(card);
            this.#drawn.set(slot, drawn);
        }
        const { root, parts } = drawn;
        root.dataset.style = card.style;
        root.dataset.avail = product.avail ?? "";
        parts.link.href = product.link;
        this.#place(root, card.pos);
        for (const part of [parts.title, parts.variant])
            product.lang ? part.setAttribute("lang", product.lang) : part.removeAttribute("lang");
        say(parts.title, product.title);
        say(parts.variant, product.variant ?? "");
        say(parts.price.lastElementChild, product.price ? price(product.price, this.#locale) : "");
        say(parts.was.lastElementChild, product.was ? price(product.was, this.#locale) : "");
        say(parts.avail, this.#availability(product));
        for (const [part, has] of [[parts.price, product.price], [parts.was, product.was]])
            part.hidden = !has;
        const image = parts.image;
        if ((image.getAttribute("src") ?? "") !== (product.image ?? "")) {
            image.hidden = !product.image;
            product.image ? image.setAttribute("src", product.image) : image.removeAttribute("src");
        }
    }
    #availability({ avail, stock }) {
        if (avail !== "out_of_stock" && stock !== undefined && stock > 0 && stock <= fewLeft)
            return this.#words.left(stock);
        return avail ? this.#words.avail[avail] : "";
    }
    #make(card) {
        const link = element("a", "simulcart-card-link");
        link.target = "_blank";
        link.rel = "noopener noreferrer";
        link.referrerPolicy = "no-referrer";
        const image = element("img", "simulcart-card-image");
        image.alt = ""; // the title stands beside it
        image.decoding = "async";
        image.referrerPolicy = "no-referrer";
        image.hidden = true;
        image.addEventListener("error", () => (image.hidden = true));
        const title = element("span", "simulcart-card-title");
        const variant = element("span", "simulcart-card-variant");
        title.dir = variant.dir = "auto";
        const price = element("span", "simulcart-card-price", element("span", "simulcart-quiet", `${this.#words.price} `), element("b"));
        const was = element("span", "simulcart-card-was", element("span", "simulcart-quiet", ` ${this.#words.was} `), element("s"));
        const avail = element("span", "simulcart-card-avail");
        link.append(image, element("span", "simulcart-card-text", title, variant, element("span", "simulcart-card-prices", price, was), avail));
        // A card is new where its slot had another product or none; an update of a card that stands does not move.
        const root = element("article", "simulcart-card simulcart-card-new", link);
        root.addEventListener("animationend", () => root.classList.remove("simulcart-card-new"), { once: true });
        root.dataset.slot = card.slot;
        return { root, product: card.product.id, parts: { link, image, title, variant, price, was, avail } };
    }
    // Puts a card where it belongs, and leaves it alone where it stands there already: moving it would take its focus.
    #place(root, pos) {
        const name = typeof pos === "string" ? pos : "box";
        const field = name === "box" ? this.#layer : this.#field(name);
        if (root.parentElement !== field) {
            const focused = root.contains(document.activeElement) ? document.activeElement : null;
            field.append(root);
            focused?.focus({ preventScroll: true });
        }
        root.dataset.pos = name;
        const sides = typeof pos === "string" ? ["", "", "", ""] : pos.map((n) => `${n / 10}%`);
        // By way of CSSOM, which policies allow that forbid style attributes.
        [root.style.left, root.style.top, root.style.width, root.style.height] = sides;
    }
    #field(anchor) {
        let field = this.#fields.get(anchor);
        if (!field) {
            field = element("div", "simulcart-field");
            field.dataset.pos = anchor;
            this.#fields.set(anchor, field);
            this.#layer.append(field);
        }
        return field;
    }
    // Lays the layer exactly over the picture, without the bars beside it.
    #fit = () => {
        const { videoWidth, videoHeight, clientWidth, clientHeight, clientLeft, clientTop } = this.#video;
        const box = this.#video.getBoundingClientRect();
        const over = this.#over.getBoundingClientRect();
        const picture = pictureIn(clientWidth, clientHeight, videoWidth, videoHeight, getComputedStyle(this.#video).objectFit);
        const style = this.#layer.style;
        style.left = `${box.left - over.left - this.#over.clientLeft + clientLeft + picture.x}px`;
        style.top = `${box.top - over.top - this.#over.clientTop + clientTop + picture.y}px`;
        style.width = `${picture.w}px`;
        style.height = `${picture.h}px`;
    };
}
function element(name, className = "", ...children) {
    const made = document.createElement(name);
    made.className = className;
    made.append(...children);
    return made;
}
function say(where, what) {
    if (where.textContent !== what)
        where.textContent = what;
}
