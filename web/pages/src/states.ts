// Which overlay state holds at which picture.
//
// This module depends on nothing: copy it into a page of yours (states.js in kit/ is the same for pages without TypeScript).
// It takes states from any carriage, in any order and as often as they come, each with a time on the clock of your own media:
//
//	const states = new States();
//	const state = read(text);                              // the JSON of a message; null where it is none
//	if (state) states.add(state, pts);                     // pts: of the picture that carried this copy, in seconds
//	video.requestVideoFrameCallback((_, picture) => cards.show(states.at(picture.mediaTime)));
//
// The convention is docs/overlays.md of simulcart.

/** A state as its message says it. What `show` holds is the sender's: nothing in it is checked here. */
export interface State {
  readonly stream: string; // id of the session, 1 to 16 of A-Za-z0-9_-
  readonly seq: number; // 1 to 2^53-1, rising within a session
  readonly at: number; // media time from which the state holds, in ticks of 90 kHz
  readonly now: number; // media time of the picture that carried this copy
  readonly show: readonly unknown[]; // at most 4 cards
}

/** What is to be seen at a picture. The same object comes back for as long as nothing changes. */
export interface Shown {
  readonly state: State;
  readonly time: number; // from when the state holds, in seconds on the clock of the media
  readonly show: readonly unknown[]; // its cards, without those that have ended by themselves
}

const clock = 90000; // ticks of media time in a second
const maxMessage = 4096; // bytes
const maxCards = 4;

// Times come by way of clocks with different ticks, and date ranges are rounded to milliseconds. This is below half a picture
// at 120 pictures a second.
const rounding = 0.004;

// How many states are kept for who seeks back: 30 s of 20 changes each second, and some more.
const maxStates = 1024;

/** Reads a message. What is no message of version 1 gives null: ignore it, and never end a stream for it. */
export function read(text: string): State | null {
  // No character is more than 3 bytes for each of its UTF-16 units.
  if (text.length > maxMessage || (text.length * 3 > maxMessage && new TextEncoder().encode(text).length > maxMessage)) return null;
  let got: unknown;
  try {
    got = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof got !== "object" || got === null) return null;
  const { v, stream, seq, at, now, show } = got as Record<string, unknown>;
  if (v !== 1 || typeof stream !== "string" || !/^[A-Za-z0-9_-]{1,16}$/.test(stream)) return null;
  if (!isInteger(seq) || seq < 1 || !isInteger(at) || !isInteger(now) || now < at) return null;
  if (!Array.isArray(show) || show.length > maxCards) return null;
  return { stream, seq, at, now, show };
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** Keeps the states of one connection: begin each connection with a new one. */
export class States {
  #kept: Kept[] = []; // by time
  #last: Shown | null = null; // what at() gave
  #newest: State | null = null;

  /** The state with the highest seq of the newest session; null before the first. */
  get newest(): State | null {
    return this.#newest;
  }

  /**
   * Takes a copy of a state. `pts` is the presentation time of the picture that carried it, in seconds on the clock of the
   * media. A copy whose time is rounded is not `exact`: one that is exact replaces it, never the other way round.
   * Says whether anything is new by it.
   */
  add(state: State, pts: number, exact = true): boolean {
    const time = pts + (state.at - state.now) / clock;
    if (!Number.isFinite(time)) return false;
    const same = this.#kept.findIndex((k) => k.state.seq === state.seq && k.state.stream === state.stream);
    const had = this.#kept[same];
    if (had) {
      if (had.exact || (!exact && had.time === time)) return false;
      this.#kept.splice(same, 1);
    }
    const after = this.#kept.findIndex((k) => k.time > time);
    this.#kept.splice(after < 0 ? this.#kept.length : after, 0, { state: had?.state ?? state, time, exact });
    if (this.#kept.length > maxStates) this.#kept.shift();
    const newest = this.#newest;
    if (!newest || (newest.stream === state.stream ? state.seq > newest.seq : time > this.#timeOf(newest))) this.#newest = state;
    return true;
  }

  /** Says what is to be seen at a picture, by its presentation time in seconds; null where no state is known for it. */
  at(time: number): Shown | null {
    const due = time + rounding;
    const kept = this.#holds(due);
    if (!kept) return (this.#last = null);
    const { state } = kept;
    const show = state.show.filter((card) => !hasEnded(card, state, kept.time, due));
    const last = this.#last;
    if (last && last.state === state && last.time === kept.time && last.show.length === show.length) return last;
    return (this.#last = { state, time: kept.time, show });
  }

  // The session of the state that began last; of that session, the highest seq that has begun.
  #holds(due: number): Kept | null {
    let best: Kept | null = null;
    for (let i = this.#kept.length - 1; i >= 0; i--) {
      const k = this.#kept[i]!;
      if (k.time > due) continue;
      if (!best || (k.state.stream === best.state.stream && k.state.seq > best.state.seq)) best = k;
    }
    return best;
  }

  #timeOf(state: State): number {
    return this.#kept.find((k) => k.state === state)?.time ?? -Infinity;
  }
}

interface Kept {
  readonly state: State;
  readonly time: number;
  readonly exact: boolean;
}

// A card ends by itself at `until`; a state without it follows there, but that one may be lost.
function hasEnded(card: unknown, state: State, time: number, due: number): boolean {
  const until = (card as { until?: unknown } | null)?.until;
  return isInteger(until) && until > state.at && time + (until - state.at) / clock <= due;
}
