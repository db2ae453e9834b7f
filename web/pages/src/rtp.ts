// The clock of a WebRTC connection, on which pictures and overlay states have RTP timestamps.
//
// This module and states.ts depend on nothing else: copy both (rtp.js in kit/ is the same for pages without TypeScript).
//
//	const line = new Line();                                // one for each connection
//	channel.onmessage = ({ data }) => {
//	  const got = readTimed(data);
//	  if (got) states.add(got.state, line.seconds(got.timestamp));
//	};
//	video.requestVideoFrameCallback((_, { rtpTimestamp }) => cards.show(states.at(line.seconds(rtpTimestamp))));

import { read, type State } from "./states.ts";

/** Name and protocol of the data channel. It must be in the first offer. */
export const label = "simulcart.overlay";
export const protocol = "simulcart.overlay.1";

const clock = 90000; // ticks of RTP timestamps of pictures in a second
const turn = 2 ** 32; // after which timestamps begin anew

/** RTP timestamps as seconds on one line. Each is taken for the nearest to the one before, within 6 hours and a half. */
export class Line {
  #ticks = NaN; // of the timestamp before

  seconds(timestamp: number): number {
    this.#ticks = Number.isNaN(this.#ticks) ? timestamp : this.#ticks + ((timestamp - this.#ticks) | 0);
    return this.#ticks / clock;
  }
}

/** A copy of a state, and the RTP timestamp of the picture that carried it. */
export interface Timed {
  readonly state: State;
  readonly timestamp: number;
}

/** Reads a message of the data channel; null where it is none. */
export function readTimed(text: unknown): Timed | null {
  const state = typeof text === "string" ? read(text) : null;
  if (!state) return null;
  const { rtp } = JSON.parse(text as string) as { rtp?: unknown };
  if (!Number.isInteger(rtp) || (rtp as number) < 0 || (rtp as number) >= turn) return null;
  // rtp is that of the picture with which the state began, which may be longer ago than half a turn.
  return { state, timestamp: ((rtp as number) + ((state.now - state.at) % turn)) % turn };
}
