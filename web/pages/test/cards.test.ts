import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { anchors, decimal, exponent, pictureIn, price, readCards, type Money } from "../src/cards.ts";

const product = { id: "a", title: "Dress", link: "https://shop.example.com/a" };
const card = { slot: "main", pos: "top", style: "card", product };
const one = (change: object): unknown => readCards([{ ...card, ...change }])[0];
const given = (change: object): Record<string, unknown> | undefined => (one({ product: { ...product, ...change } }) as typeof card | undefined)?.product;

test("reads the cards of the vectors", () => {
  const { messages } = JSON.parse(readFileSync("../../docs/overlays/vectors.json", "utf8")) as { messages: { name: string; text: string }[] };
  for (const { name, text } of messages) {
    const { show } = JSON.parse(text) as { show: (typeof card & { until?: number; product: { gtin?: string } })[] };
    const want = show.map(({ until: _, product: { gtin: __, ...product }, ...card }) => ({ ...card, product }));
    assert.deepEqual(readCards(show), want, name);
  }
});

test("draws no card that cannot be sold", () => {
  assert.deepEqual(one({}), card);
  const nothing: unknown[] = [
    { slot: "" }, { slot: "Main" }, { slot: "a".repeat(17) }, { slot: 1 }, { product: null }, { product: [] }, { product: "x" },
    { product: { ...product, id: "" } }, { product: { ...product, title: 7 } }, { product: { ...product, title: " \u0007 " } },
  ];
  for (const change of nothing) assert.equal(one(change as object), undefined, JSON.stringify(change));
  for (const show of [null, undefined, {}, "show", [null], [1], [[]]]) assert.deepEqual(readCards(show), []);
});

test("follows https links alone", () => {
  const links = [
    "http://shop.example.com/", "javascript:alert(1)", "data:text/html,x", "//shop.example.com/", "/a", "https://", "HTTPS://shop.example.com/",
    " https://shop.example.com/", "https://user:secret@shop.example.com/", "https://shop.example.com/" + "a".repeat(200), 1, null, {},
  ];
  for (const link of links) {
    assert.equal(given({ link }), undefined, `link ${String(link)}`);
    assert.equal(given({ image: link })?.["image"], undefined, `image ${String(link)}`);
  }
  assert.equal(given({ link: "https://shop.example.com/ä\"<" })?.["link"], "https://shop.example.com/%C3%A4%22%3C");
});

test("bounds texts and cleans them", () => {
  assert.equal(given({ title: "x".repeat(5000) })?.["title"], "x".repeat(80));
  assert.equal(given({ title: "👗".repeat(90) })?.["title"], "👗".repeat(80));
  assert.equal(given({ variant: "y".repeat(50) })?.["variant"], "y".repeat(40));
  assert.equal(given({ title: "a\u0000b\u202ec\u2066d\n" })?.["title"], "a b c d");
  assert.equal(given({ title: "<b onclick=x>&amp;" })?.["title"], "<b onclick=x>&amp;");
});

test("leaves out what is not sound", () => {
  const eur = (amount: unknown): object => ({ amount, currency: "EUR" });
  const bad: object[] = [
    { price: eur(1.5) }, { price: eur(-1) }, { price: eur("1") }, { price: eur(1e12 + 1) }, { price: { amount: 1, currency: "eur" } }, { price: 5 },
    { was: eur(5) }, { avail: "sold" }, { avail: "toString" }, { avail: 1 }, { stock: -1 }, { stock: 1.5 }, { stock: "1" }, { lang: "e" }, { lang: "en\"x" }, { variant: 1 },
  ];
  for (const change of bad) assert.deepEqual(given(change), product, JSON.stringify(change));
  assert.deepEqual(given({ price: eur(5), was: eur(5) })?.["was"], undefined, "not above the price");
  assert.deepEqual(given({ price: eur(5), was: { amount: 9, currency: "USD" } })?.["was"], undefined, "another currency");
  assert.deepEqual(given({ price: eur(5), was: eur(9), stock: 0, avail: "limited", lang: "de-AT" }), { ...product, price: eur(5), was: eur(9), stock: 0, avail: "limited", lang: "de-AT" });
});

test("draws four cards at most, one in each slot", () => {
  const all = ["a", "a", "b", "c", "d", "e"].map((slot) => ({ ...card, slot }));
  assert.deepEqual(readCards(all).map((c) => c.slot), ["a", "b", "c"]);
});

test("knows places", () => {
  for (const pos of [...anchors, [0, 0, 1000, 1000], [999, 999, 1, 1]]) assert.deepEqual(one({ pos }), { ...card, pos });
  for (const pos of ["", "middle", [0, 0, 0, 10], [1, 0, 1000, 10], [0, 0, 10], [0, 0, 1.5, 1], [-1, 0, 1, 1], ["0", 0, 1, 1], {}, null])
    assert.deepEqual(one({ pos }), { ...card, pos: "lower-third" }, JSON.stringify(pos));
  assert.deepEqual(one({ style: "a b" }), card);
});

test("writes money without floating point", () => {
  const { money } = JSON.parse(readFileSync("../../docs/overlays/vectors.json", "utf8")) as { money: (Money & { decimal: string })[] };
  for (const m of money) assert.equal(decimal(m), m.decimal, m.currency);
  assert.equal(decimal({ amount: 1e12, currency: "EUR" }), "10000000000.00");
  for (const [currency, digits] of [["JPY", 0], ["KWD", 3], ["CLF", 4], ["EUR", 2], ["XXX", 2]] as const) assert.equal(exponent(currency), digits);
  assert.equal(price({ amount: 2499, currency: "EUR" }, "de-DE"), "24,99\u00a0€");
  assert.equal(price({ amount: 123456789, currency: "USD" }, "en-US"), "$1,234,567.89");
  assert.equal(price({ amount: 1200, currency: "JPY" }, "en-US"), "¥1,200");
  assert.equal(price({ amount: 4750, currency: "KWD" }, "en-US"), "KWD\u00a04.750");
  assert.equal(price({ amount: 5, currency: "ZZZ" }, "en-US"), "ZZZ\u00a00.05");
});

test("finds the picture in its box", () => {
  const cases: [string, Parameters<typeof pictureIn>, [number, number, number, number]][] = [
    ["bars above and below", [800, 600, 1920, 1080, "contain"], [0, 75, 800, 450]],
    ["bars left and right", [800, 600, 1080, 1920, "contain"], [231.25, 0, 337.5, 600]],
    ["none", [800, 600, 400, 300, "contain"], [0, 0, 800, 600]],
    ["cut off", [800, 600, 400, 400, "cover"], [0, -100, 800, 800]],
    ["stretched", [800, 600, 400, 400, "fill"], [0, 0, 800, 600]],
    ["as it is", [800, 600, 400, 400, "none"], [200, 100, 400, 400]],
    ["not made larger", [800, 600, 400, 400, "scale-down"], [200, 100, 400, 400]],
    ["made smaller", [800, 600, 1600, 1200, "scale-down"], [0, 0, 800, 600]],
    ["before the first picture", [800, 600, 0, 0, "contain"], [0, 0, 800, 600]],
  ];
  for (const [name, given, [x, y, w, h]] of cases) assert.deepEqual(pictureIn(...given), { x, y, w, h }, name);
});
