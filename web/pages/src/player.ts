// What a page needs of a way to play a stream. Each protocol has one: hls.ts, native.ts.

import type { Tell } from "./carriage.ts";

/** What a player tells while it plays. Nothing comes after its close. */
export interface Listener {
  readonly state: Tell;
  /** It plays no more, and needs no close. */
  over(ending: Ending): void;
}

/** Why a player stopped: the stream came to its end, or something was lost on the way. */
export type Ending = "ended" | "lost";

/** One connection to a stream, in a video element. */
export interface Player {
  /** What plays, for who measures. */
  readonly transport: "hls.js" | "native";
  /** Seconds behind the newest picture that can be had; NaN where that is not known. */
  latency(): number;
  /** Lets go of the video element, at once. */
  close(): void;
}

/** Begins to play an address in a video element. */
export type Play = (video: HTMLVideoElement, address: string, listener: Listener) => Player;

/**
 * Calls back for each picture that is put on screen, with its presentation time in seconds; at least when the time of the
 * video is told, where the browser does not tell of pictures. Gives what ends that.
 */
export function eachPicture(video: HTMLVideoElement, tell: (time: number) => void): () => void {
  if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
    const told = (): void => tell(video.currentTime);
    for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, told);
    return () => ["timeupdate", "seeked"].forEach((name) => video.removeEventListener(name, told));
  }
  const next = (): number =>
    video.requestVideoFrameCallback((_, picture) => {
      waiting = next();
      tell(picture.mediaTime);
    });
  let waiting = next();
  return () => video.cancelVideoFrameCallback(waiting);
}
