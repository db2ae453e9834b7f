// Opens the page /watch/{stream} in Chromium and says as JSON what was seen there:
//
//	node watch.mjs ADDRESS LIMIT          the address with its token; seconds until it must have ended
//
// It reads the numbers painted into the pictures (internal/mediatest, Counted), and notes each change of the cards with the
// time of the rendering in which it happened, so that both can be compared.
import { chromium } from "playwright-core";

const [address, limit] = process.argv.slice(2);

// Runs in the page, before its own scripts.
function observe() {
  const seen = { pictures: [], cards: [], messages: [], violations: [] };
  Object.defineProperty(window, "seen", { value: seen });
  document.addEventListener("securitypolicyviolation", (e) => seen.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
  const canvas = new OffscreenCanvas(256, 128).getContext("2d", { willReadFrequently: true });

  // 8 × 4 cells: 24 bits of a Gray code, and a checksum that is left alone here.
  const number = (video) => {
    canvas.drawImage(video, 0, 0, 256, 128);
    const { data } = canvas.getImageData(0, 0, 256, 128);
    let gray = 0;
    for (let cell = 0; cell < 24; cell++) {
      const x = (cell % 8) * 32 + 16, y = Math.floor(cell / 8) * 32 + 16;
      gray = gray * 2 + (data[(y * 256 + x) * 4] > 128 ? 1 : 0);
    }
    for (let shift = 1; shift < 24; shift *= 2) gray ^= gray >> shift;
    return gray;
  };
  const text = (card, part) => {
    const element = card.querySelector(`.simulcart-card-${part}`);
    return element.checkVisibility() ? element.innerText : "";
  };
  let known = 0;
  const ids = new WeakMap(); // one for each element, so that an update is told from a new card
  const describe = (card) => {
    if (!ids.has(card)) ids.set(card, ++known);
    const { left, top, width, height } = card.getBoundingClientRect();
    const link = card.querySelector("a");
    return {
      element: ids.get(card), slot: card.dataset.slot, pos: card.dataset.pos, moves: card.getAnimations().length, box: [left, top, width, height].map(Math.round),
      link: link.href, rel: link.rel, target: link.target, title: text(card, "title"), variant: text(card, "variant"),
      price: text(card, "price"), was: text(card, "was"), avail: text(card, "avail"),
      image: card.querySelector("img").getAttribute("src") ?? "", elements: card.querySelectorAll("*").length,
    };
  };
  document.addEventListener("DOMContentLoaded", () => {
    const video = document.querySelector("video");
    const each = (_, { mediaTime }) => {
      video.requestVideoFrameCallback(each);
      seen.pictures.push({ at: document.timeline.currentTime, time: mediaTime, number: number(video) });
    };
    video.requestVideoFrameCallback(each);
    new MutationObserver((changes) => {
      if (changes.some((c) => c.target.closest?.(".simulcart-cards") ?? c.target.parentElement?.closest(".simulcart-cards"))) {
        seen.cards.push({ at: document.timeline.currentTime, cards: [...document.querySelectorAll(".simulcart-card")].map(describe) });
      }
    }).observe(document.querySelector("#stage"), { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["href", "data-pos"] });
    const message = document.querySelector("#message");
    new MutationObserver(() => seen.messages.push(message.textContent)).observe(message, { childList: true, characterData: true, subtree: true });
  });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const context = await browser.newContext({ viewport: { width: 800, height: 600 }, locale: "en-US" });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (e) => errors.push(e.message));
  page.on("console", (m) => errors.push(m.text()));
  await page.addInitScript(observe);
  await page.goto(address);
  const sound = await page.locator("#sound").innerText();
  await page.locator("#delay").click();
  const delays = [];
  let figure = "";
  const end = Date.now() + Number(limit) * 1000;
  for (let status = ""; status !== "ended" && status !== "refused" && Date.now() < end; ) {
    await page.waitForTimeout(200);
    ({ status } = await page.evaluate(() => ({ status: window.simulcart.status })));
    const now = await page.evaluate(() => window.simulcart.latency);
    if (now > 0) [delays[delays.length], figure] = [now, await page.locator("#figure").innerText()];
  }
  const latency = delays.sort((a, b) => a - b)[delays.length >> 1] ?? 0; // the median
  const report = await page.evaluate(() => {
    const { status, transport, changes, stalls, dropped, pictures, connections } = window.simulcart;
    return { status, transport, changes, stalls, dropped, pictures, connections };
  });
  const seen = await page.evaluate(() => window.seen);
  const message = await page.locator("#message").innerText();
  console.log(JSON.stringify({ ...seen, report, message, errors, sound, latency, figure, address: page.url() }));
} finally {
  await browser.close();
}
