// Plays with hls.js and notes what it sees: the number in each presented picture with its media time, overlay states by emsg and
// by date range, latency, stalls and errors. All times of the clock are in ms since play was called.
"use strict";

const video = document.getElementById("video");
const canvas = new OffscreenCanvas(256, 128).getContext("2d", { willReadFrequently: true });
const seen = { pictures: [], events: [], ranges: [], latency: [], stalls: [], jumps: [], errors: [], first: -1, target: 0 };
let begin = 0;
let hls;
window.over = false;

const now = () => performance.now() - begin;

// Reads the number in a picture as internal/mediatest paints it: 8 by 4 cells, 24 bits of a Gray code and a CRC-8 of them.
function number(picture) {
  canvas.drawImage(picture, 0, 0, 256, 128);
  const { data } = canvas.getImageData(0, 0, 256, 128);
  let gray = 0;
  let check = 0;
  for (let cell = 0; cell < 32; cell++) {
    const x = (cell % 8) * 32 + 16;
    const y = Math.floor(cell / 8) * 32 + 16;
    const bit = data[(y * 256 + x) * 4 + 1] > 128 ? 1 : 0;
    if (cell < 24) gray = gray * 2 + bit;
    else check = check * 2 + bit;
  }
  let crc = 0xff;
  for (const byte of [gray >> 16, (gray >> 8) & 255, gray & 255]) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) & 255) ^ 7 : crc << 1;
  }
  if (crc !== check) return -1;
  for (let shift = 1; shift < 24; shift *= 2) gray ^= gray >> shift;
  return gray;
}

function each(_, { mediaTime, presentedFrames }) {
  video.requestVideoFrameCallback(each);
  if (seen.first < 0) seen.first = now();
  const picture = new VideoFrame(video); // which may be a newer one than the callback is about
  seen.pictures.push([number(picture), picture.timestamp / 1e6, now(), presentedFrames, mediaTime]);
  picture.close();
}

// The overlay state in an ID3 tag: a TXXX frame whose description is simulcart.overlay.
function state(bytes) {
  const text = new TextDecoder().decode(bytes);
  const mark = "simulcart.overlay\0";
  const at = text.indexOf(mark);
  return at < 0 ? "" : text.slice(at + mark.length);
}

function base64url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
}

function ranges(details) {
  for (const [id, range] of Object.entries(details.dateRanges ?? {})) {
    const old = seen.ranges.find((r) => r.id === id);
    const last = { id, time: range.startTime, end: range.endDate?.getTime() ?? 0, text: base64url(range.attr["X-SIMULCART-OVERLAY"] ?? ""), at: now() };
    if (old === undefined) seen.ranges.push(last);
    else Object.assign(old, { ...last, at: old.at });
  }
}

// A clock that stands still for more than 0.3 s while it should run is a stall.
function watch() {
  let last = -1;
  let since = 0;
  let stalled = null;
  setInterval(() => {
    if (video.currentTime !== last || video.paused || window.over) {
      last = video.currentTime;
      since = now();
      stalled = null;
      return;
    }
    if (seen.first < 0 || now() - since < 300) return;
    if (stalled === null) seen.stalls.push((stalled = { at: since, took: 0, time: last }));
    stalled.took = now() - since;
  }, 20);
  setInterval(() => {
    if (seen.first < 0 || window.over) return;
    const ahead = video.buffered.length > 0 ? video.buffered.end(video.buffered.length - 1) - video.currentTime : 0;
    seen.latency.push({ at: now(), latency: hls.latency, target: hls.targetLatency ?? 0, ahead, rate: video.playbackRate });
  }, 200);
}

// hls.js begins at its distance from the live edge, and is as much further behind as it takes to begin; what a busy machine loses later
// comes on top, and it catches up only with more than a second in its buffer. A page that wants the least delay goes there by itself.
function chase() {
  const sync = hls.liveSyncPosition;
  const last = seen.jumps.at(-1)?.at ?? -Infinity;
  if (seen.first < 0 || window.over || sync === null || now() < seen.first + 1000 || now() < last + 3000) return;
  const by = sync - video.currentTime;
  if (by < 0.15) return;
  seen.jumps.push({ at: now(), by });
  video.currentTime = sync;
}

window.play = ({ address, lowLatency, chases, config }) => {
  begin = performance.now();
  hls = new Hls({ lowLatencyMode: lowLatency, enableWorker: true, ...config });
  const E = Hls.Events;
  hls.on(E.FRAG_PARSING_METADATA, (_, { samples }) => {
    for (const s of samples) seen.events.push({ time: s.pts, text: state(s.data), at: now() });
  });
  hls.on(E.LEVEL_UPDATED, (_, { details }) => ranges(details));
  hls.on(E.ERROR, (_, { type, details, fatal, error, response }) => {
    seen.errors.push({ type, details, fatal, text: error?.message ?? "", status: response?.code ?? 0, at: now() });
  });
  hls.on(E.MANIFEST_PARSED, () => video.play());
  video.addEventListener("ended", () => (window.over = true));
  video.requestVideoFrameCallback(each);
  if (chases) setInterval(chase, 250);
  watch();
  hls.attachMedia(video);
  hls.loadSource(address);
};

window.report = () => {
  const details = hls.levels[hls.currentLevel]?.details;
  if (details !== undefined) ranges(details); // their times become exact with the media
  return { ...seen, target: hls.targetLatency ?? 0, ended: video.ended, time: video.currentTime, version: Hls.version };
};
