// Plays an HLS address with hls.js in Chromium, and says as JSON what was seen:
//
//	node play.mjs '{"page": ..., "address": ..., "seconds": ..., "lowLatency": ...}'
//
// The page is served by whoever starts this, so that its origin is known before. SIGTERM ends it early, with what was seen so far.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const wish = JSON.parse(process.argv[2]);
const folder = await mkdtemp(path.join(tmpdir(), "simulcart-chromium-"));
let stop;
const stopped = new Promise((resolve) => (stop = resolve));
process.on("SIGTERM", stop);

try {
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    viewport: { width: 480, height: 320 },
    handleSIGTERM: false,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
      "--disable-background-networking", "--disable-component-update",
      "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--autoplay-policy=no-user-gesture-required",
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const said = [];
  page.on("pageerror", (e) => said.push(e.message));
  page.on("console", (m) => m.type() === "error" && said.push(m.text()));
  await page.goto(wish.page);
  await page.evaluate((w) => window.play(w), wish);
  const end = page.waitForFunction(() => window.over, undefined, { timeout: wish.seconds * 1000, polling: 200 }).catch(() => {});
  await Promise.race([end, stopped]);
  const report = await page.evaluate(() => window.report());
  process.stdout.write(JSON.stringify({ ...report, console: said }) + "\n");
  await context.close();
} finally {
  await rm(folder, { recursive: true, force: true });
}
