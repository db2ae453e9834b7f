// What a page needs of a way to play a stream. Each protocol has one: whep.ts, hls.ts, native.ts.

import type { Tell } from "./carriage.ts";

/** What a player tells while it plays. Nothing comes after its close. */
export interface Listener {
  readonly state: Tell;
  /** It plays no more, and needs no close. */
  over(ending: Ending): void;
}

/** Why a player stopped: the stream came to its end, something was lost on the way, or the server wants to be asked anew. */
export type Ending = "ended" | "lost" | "closed";

/** What is known of a picture that is put on screen. */
export interface Picture {
  readonly mediaTime: number; // s on the clock of the video
  readonly rtpTimestamp?: number; // over WebRTC
}

/** One connection to a stream, in a video element. */
export interface Player {
  /** What plays, for who measures. */
  readonly transport: "whep" | "hls.js" | "native";
  /** Seconds behind the newest picture that can be had; NaN where that is not known. */
  latency(): number;
  /** The time of a picture on the clock on which states are told, in seconds. */
  time(picture: Picture): number;
  /** Lets go of the video element, at once. */
  close(): void;
}

/** Begins to play an address in a video element. */
export type Play = (video: HTMLVideoElement, address: string, listener: Listener) => Player;

/**
 * Calls back for each picture that is put on screen; at least when the time of the video is told, where the browser does not
 * tell of pictures. Gives what ends that.
 */
export function eachPicture(video: HTMLVideoElement, tell: (picture: Picture) => void): () => void {
  if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) {
    const told = (): void => tell({ mediaTime: video.currentTime });
    for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, told);
    return () => ["timeupdate", "seeked"].forEach((name) => video.removeEventListener(name, told));
  }
  const next = (): number =>
    video.requestVideoFrameCallback((_, picture) => {
      waiting = next();
      tell(picture);
    });
  let waiting = next();
  return () => video.cancelVideoFrameCallback(waiting);
}
