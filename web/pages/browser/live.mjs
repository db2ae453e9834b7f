// Publishes with the page /publish/{stream} in Chromium, from a camera that the browser makes up, and watches with /watch/{stream}:
//
//	node live.mjs ORIGIN STREAM KEY TOKEN        says a line of JSON for each step, then what was seen
//
// Steps are {"step": "watching"} and {"step": "drawn", "cards": n}; a line on standard input ends the show.
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const [origin, stream, key, token] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));
const patience = 60_000; // of a busy machine, where pages give up and try again

// Runs in the pages, before their own scripts.
function observe() {
  const seen = { statuses: [], messages: [], violations: [], pictures: [], states: [], cards: [] };
  let order = 0; // of what comes
  Object.defineProperty(window, "seen", { value: seen });
  document.addEventListener("securitypolicyviolation", (e) => seen.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...args) {
    const channel = create.apply(this, args);
    channel.addEventListener("message", ({ data }) => seen.states.push({ ...JSON.parse(data), order: order++, label: channel.label, protocol: channel.protocol }));
    return channel;
  };
  const note = (list, value) => list.at(-1) !== value && list.push(value);
  document.addEventListener("DOMContentLoaded", () => {
    const video = document.querySelector("video");
    if (!video) return; // the empty page at the end
    const each = (_, { rtpTimestamp, width, height }) => {
      video.requestVideoFrameCallback(each);
      seen.pictures.push({ order: order++, at: document.timeline.currentTime, rtp: rtpTimestamp ?? -1, width, height });
    };
    video.requestVideoFrameCallback(each);
    const titles = () => [...document.querySelectorAll(".simulcart-card-title")].map((e) => e.innerText).join();
    new MutationObserver(() => {
      note(seen.messages, document.querySelector("#message").textContent);
      note(seen.statuses, document.querySelector("main").dataset.status ?? "loading");
      if ((seen.cards.at(-1)?.titles ?? "") !== titles()) seen.cards.push({ at: document.timeline.currentTime, titles: titles() });
    }).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-status"] });
  });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection",
  ],
});
try {
  const context = await browser.newContext({ viewport: { width: 800, height: 600 }, locale: "en-US" });
  await context.addInitScript(observe);
  const errors = [];
  const addresses = [];
  const open = async (path) => {
    const page = await context.newPage();
    page.on("pageerror", (e) => errors.push(e.message));
    page.on("console", (m) => errors.push(m.text()));
    page.on("response", (r) => r.status() === 404 && addresses.push(`404 ${r.request().method()} ${r.url().slice(origin.length)}`));
    page.on("request", (r) => addresses.push(`${r.method()} ${r.url().slice(origin.length)}`));
    await page.goto(origin + path);
    return page;
  };
  // Waits until a page says so; not by its pictures, which hardly come where it is behind another one.
  const status = async (page, want) => {
    const now = () => page.evaluate(() => window.simulcart?.status ?? document.querySelector("main").dataset.status);
    for (const end = Date.now() + patience; (await now()) !== want; await page.waitForTimeout(50)) {
      if (Date.now() > end) throw new Error(`waited for ${want} at ${page.url()}: ${JSON.stringify(await page.evaluate(() => [window.seen.statuses, window.seen.messages]))}, ${addresses.join()}`);
    }
  };

  const studio = await open(`/publish/${stream}`);
  await status(studio, "idle");
  await studio.locator("#size").selectOption("854x480");
  await studio.locator("#key").fill("a-key-of-nobody-0123456789");
  await studio.locator("#go").click();
  await status(studio, "refused");
  await studio.locator("#key").fill(key);
  await studio.locator("#go").click();
  await status(studio, "live");

  const seat = await open(`/watch/${stream}?token=${token}`);
  await seat.waitForFunction(() => window.simulcart.transport !== "" && window.seen.pictures.length > 20, undefined, { timeout: patience, polling: 50 });
  say({ step: "watching" });
  let drawn = 0;
  const tell = setInterval(async () => {
    const now = await seat.evaluate(() => window.seen.cards.length).catch(() => drawn);
    while (drawn < now) say({ step: "drawn", cards: ++drawn });
  }, 50);
  await new Promise((done) => createInterface({ input: process.stdin }).once("line", done).once("close", done));
  clearInterval(tell);
  const latency = await seat.evaluate(() => window.simulcart.latency);
  const guest = await open(`/watch/${stream}?token=${token}`);
  await guest.waitForFunction(() => window.simulcart.transport !== "", undefined, { timeout: patience, polling: 50 });
  await guest.goto("about:blank");
  await guest.close();
  await seat.bringToFront(); // what is behind is hardly drawn
  const { transport } = await seat.evaluate(() => ({ transport: window.simulcart.transport }));
  await studio.locator("#go").click();
  await status(studio, "ended");
  await status(seat, "ended");
  await studio.locator("#go").click();
  await status(studio, "live");
  await status(seat, "playing");
  const other = await open(`/publish/${stream}`); // the same creator, elsewhere
  await status(other, "idle");
  await other.locator("#size").selectOption("854x480");
  await other.locator("#key").fill(key);
  await other.locator("#go").click();
  await status(other, "live");
  await status(studio, "taken");
  const seen = (page) => page.evaluate(() => window.seen);
  const report = { studio: await seen(studio), kept: await studio.evaluate(() => Object.values(sessionStorage).join()) };
  other.on("dialog", (question) => question.accept()); // whether to leave
  await other.goto("about:blank");
  await status(seat, "ended");
  say({ step: "end", ...report, seat: await seen(seat), transport, latency: latency ?? 0, errors, addresses });
} finally {
  await browser.close();
}
