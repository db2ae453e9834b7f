// Opens a page /watch/{stream} in Chromium, and says as a line of JSON how it stands, each tenth of a second:
//
//	node seat.mjs ADDRESS
//
// SIGTERM ends it.
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  handleSIGTERM: false,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
  ],
});
let over = false;
process.on("SIGTERM", () => (over = true));

// Runs in the page: how it stands.
function look() {
  const { status, transport, connections, latency } = window.simulcart;
  const pictures = document.querySelector("video").getVideoPlaybackQuality().totalVideoFrames;
  return { status, transport, connections, pictures, latency: latency || 0, cards: document.querySelectorAll(".simulcart-card").length, message: document.querySelector("#message").textContent };
}

try {
  const page = await browser.newPage({ viewport: { width: 480, height: 320 } });
  const faults = [];
  page.on("pageerror", (e) => faults.push(e.message));
  await page.goto(process.argv[2]);
  while (!over) {
    console.log(JSON.stringify({ ...(await page.evaluate(look)), faults }));
    await page.waitForTimeout(100);
  }
} finally {
  await browser.close();
}
