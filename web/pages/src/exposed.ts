// What the page tells to tests and to who measures: window.simulcart. It is read-only, and no part of what partners build on.

import type { Player } from "./player.ts";
import type { Status } from "./session.ts";
import type { Shown } from "./states.ts";

/** A change of what is seen. */
export interface Change {
  readonly stream: string; // session; "" where the change took everything away
  readonly seq: number; // 0 likewise
  readonly at: number; // of the state, media time in ticks of 90 kHz
  readonly due: number; // s on the clock of the player (mediaTime; RTP timestamps over WebRTC): from when the state holds
  readonly mediaTime: number; // s on the same clock: the picture on screen when it was drawn
  readonly cards: number; // how many cards there are now
}

/** window.simulcart */
export interface Report {
  readonly status: Status;
  readonly transport: string; // "whep", "hls.js", "native"; "" before the first connection
  readonly shown: Change | null; // what is seen now; null before the first state
  readonly changes: readonly Change[]; // the newest 1000, the last one is shown
  readonly latency: number; // s behind the live edge; NaN where not known
  readonly stalls: number; // how often the video waited for media since it played first
  readonly dropped: number; // pictures that were decoded and not shown
  readonly pictures: number; // that were decoded
  readonly connections: number; // how often playing began
}

declare global {
  interface Window {
    readonly simulcart?: Report;
  }
}

const maxChanges = 1000;

/** Collects what window.simulcart tells. */
export class Exposed {
  status: Status = "asking";
  #player: Player | null = null;
  #changes: Change[] = [];
  #stalls = 0;
  #connections = 0;

  constructor(video: HTMLVideoElement) {
    const self = this;
    let moving = false;
    video.addEventListener("playing", () => (moving = true));
    video.addEventListener("waiting", () => {
      if (moving && !video.seeking && self.status === "playing") self.#stalls++;
      moving = false;
    });
    const quality = (): VideoPlaybackQuality => video.getVideoPlaybackQuality();
    const report: Report = {
      get status() { return self.status; },
      get transport() { return self.#player?.transport ?? ""; },
      get shown() { return self.#changes.at(-1) ?? null; },
      get changes() { return [...self.#changes]; },
      get latency() { return self.#player?.latency() ?? NaN; },
      get stalls() { return self.#stalls; },
      get dropped() { return quality().droppedVideoFrames; },
      get pictures() { return quality().totalVideoFrames; },
      get connections() { return self.#connections; },
    };
    Object.defineProperty(window, "simulcart", { value: Object.freeze(report) });
  }

  is(status: Status): void {
    this.status = status;
  }

  plays(player: Player): Player {
    this.#player = player;
    this.#connections++;
    return player;
  }

  applied(shown: Shown | null, mediaTime: number): void {
    const { stream = "", seq = 0, at = 0 } = shown?.state ?? {};
    this.#changes.push(Object.freeze({ stream, seq, at, due: shown?.time ?? mediaTime, mediaTime, cards: shown?.show.length ?? 0 }));
    if (this.#changes.length > maxChanges) this.#changes.shift();
  }
}
