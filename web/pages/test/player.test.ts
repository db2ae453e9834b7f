import assert from "node:assert/strict";
import { test } from "node:test";

import { play } from "../src/native.ts";
import { eachPicture } from "../src/player.ts";

// What the players use of a video element, without one.
class Video extends EventTarget {
  currentTime = 0;
  src = "";
  loads = 0;
  readonly seekable = { length: 1, end: () => 12 };
  readonly textTracks = Object.assign(new EventTarget(), { list: [] as object[], [Symbol.iterator]: () => this.textTracks.list.values() });
  load(): void {
    this.loads++;
  }
  removeAttribute(name: string): void {
    if (name === "src") this.src = "";
  }
  tell(name: string, time = this.currentTime): void {
    this.currentTime = time;
    this.dispatchEvent(new Event(name));
  }
}

const element = (video: Video): HTMLVideoElement => video as unknown as HTMLVideoElement;
const cue = (seq: number, startTime: number): object => {
  const data = JSON.stringify({ v: 1, stream: "s1", seq, at: 900, now: 90900, show: [] });
  return { startTime, value: { key: "TXXX", info: "simulcart.overlay", data } };
};

test("the browser's own player reads each cue once, until it is closed", () => {
  const video = new Video();
  const log: string[] = [];
  const player = play(element(video), "index.m3u8", {
    state: (state, pts, exact) => log.push(`${state.seq} at ${pts}, ${exact}`),
    over: (ending) => log.push(ending),
  });
  assert.equal(video.src, "index.m3u8");
  const cues = [cue(1, 2)];
  const track = { kind: "metadata", mode: "disabled", cues };
  video.textTracks.list.push({ kind: "subtitles", cues: [cue(9, 9)] }, { kind: "metadata", cues: null }, track);
  video.textTracks.dispatchEvent(new Event("addtrack"));
  assert.equal(track.mode, "hidden");
  cues.push(cue(2, 3.5), { startTime: 4, value: { key: "TXXX", info: "simulcart.overlay", data: "{}" } });
  video.tell("timeupdate", 3);
  video.tell("timeupdate", 4);
  assert.equal(player.latency(), 8);
  video.tell("ended");
  cues.push(cue(3, 5));
  video.tell("timeupdate", 5);
  video.tell("error");
  assert.deepEqual(log, ["1 at 2, true", "2 at 3.5, true", "ended"]);
  assert.deepEqual([video.src, video.loads], ["", 1]);
});

test("without the frame callback, the times that are told have to do", () => {
  Object.assign(globalThis, { HTMLVideoElement: Video });
  const video = new Video();
  const times: number[] = [];
  const stop = eachPicture(element(video), (picture) => times.push(picture.mediaTime));
  video.tell("timeupdate", 1);
  video.tell("seeked", 7);
  stop();
  video.tell("timeupdate", 8);
  assert.deepEqual(times, [1, 7]);
});

test("the frame callback tells of each picture until it is stopped", () => {
  let next: ((now: number, picture: { mediaTime: number }) => void) | null = null;
  class Framed extends Video {
    requestVideoFrameCallback(callback: typeof next): number {
      next = callback;
      return 5;
    }
    cancelVideoFrameCallback(id: number): void {
      if (id === 5) next = null;
    }
  }
  Object.assign(globalThis, { HTMLVideoElement: Framed });
  const times: number[] = [];
  const stop = eachPicture(element(new Framed()), (picture) => times.push(picture.mediaTime));
  for (const mediaTime of [0.5, 0.6]) next!(0, { mediaTime });
  stop();
  assert.deepEqual(times, [0.5, 0.6]);
  assert.equal(next, null);
});
