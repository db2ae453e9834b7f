// Keeps trying to play a stream: asks for it, plays it, and begins anew when it is lost or over. WebRTC is asked for first, where
// there is any; what it cannot play is asked for by HLS:
//
//	meeting ─ pictures ─▶ playing ─ over ─┐
//	 │ ▲ │                                │
//	 │ │ └ not live, unreachable ────────▶┤
//	 │ └──────────── waiting, longer ◀────┤
//	 ▼ not by WebRTC            ▲         │
//	asking ─ 200 ─▶ playing ────┼─ over ─▶┘
//	 │ 404, 503, faults ────────┘
//	 └ 401, 403 ─▶ refused, until somebody asks again

import type { Ending, Player } from "./player.ts";

/** What a viewer is told. */
export type Status = "asking" | "playing" | "absent" | "unreachable" | "lost" | "ended" | "refused";

/** How it went to ask for a stream by WebRTC, where asking and playing are one. */
export type Meeting =
  | { readonly is: "playing"; readonly player: Player; readonly over: Promise<Ending> }
  | { readonly is: "absent"; readonly after: number } // not live: ask again after so many ms, at least
  | { readonly is: "unreachable" }
  | { readonly is: "elsewhere"; readonly again: boolean }; // HLS may do; not again: nor will it ever be by WebRTC

/** What a session needs from outside. */
export interface Surroundings {
  /** Asks by WebRTC; null: this browser has none. */
  meet: ((signal: AbortSignal) => Promise<Meeting>) | null;
  /** Asks for the playlist. */
  fetch: (address: string, init: RequestInit) => Promise<Response>;
  /** Begins to play; `over` is called once, when that ends by itself. */
  play: (address: string, over: (ending: Ending) => void) => Player;
  /** Told with each change of what is so. */
  status: (status: Status) => void;
  /** Waits, in milliseconds, or until the signal. */
  sleep: (time: number, signal: AbortSignal) => Promise<void>;
  /** Gives a number from 0 to 1, so that not all viewers come back at once. */
  random: () => number;
  /** Milliseconds on a clock that only rises. */
  clock: () => number;
}

const firstWait = 1000; // ms; twice as long each time
const longestWait = 15_000;
const goodPlay = 10_000; // ms of playing after which a loss is a new one
const closedPlay = 2000; // ms of playing after which the server is asked anew at once, where it closed the connection
const soon = 500; // ms at most, then
const askPatience = 10_000; // ms for an answer

/** Plays the stream until the signal; `address` is that of its playlist. It ends by itself where the viewer is refused. */
export async function watch(address: string, around: Surroundings, signal: AbortSignal): Promise<void> {
  const run = new Run(address, around, signal);
  let wait = firstWait;
  while (!signal.aborted) {
    const begin = around.clock();
    const round = (await run.meet()) ?? (await run.ask());
    if (signal.aborted || round.status === "refused") return;
    const played = round.played ? around.clock() - begin : 0;
    if (round.closed && played >= closedPlay) { // as where another encoder took over, whose codec is another one
      await around.sleep(soon * around.random(), signal);
      continue;
    }
    if (played >= goodPlay) wait = firstWait;
    await around.sleep(Math.max(wait * (0.75 + around.random() / 2), round.after), signal);
    wait = Math.min(wait * 2, longestWait);
  }
}

// How one attempt went.
interface Round {
  readonly status: Status;
  readonly played: boolean;
  readonly closed: boolean; // by the server, which may have the stream in another way
  readonly after: number; // ms to wait at least
}

// What is remembered from one attempt to the next.
class Run {
  readonly #address: string;
  readonly #around: Surroundings;
  readonly #signal: AbortSignal;
  #meets = true;
  #met = false; // by WebRTC, lately
  #over = ""; // the playlist of a session that has ended

  constructor(address: string, around: Surroundings, signal: AbortSignal) {
    this.#address = address;
    this.#around = around;
    this.#signal = signal;
  }

  /** Tries WebRTC; null where HLS is to be tried. */
  async meet(): Promise<Round | null> {
    if (!this.#meets || !this.#around.meet) return null;
    const meeting = await this.#around.meet(this.#signal);
    switch (meeting.is) {
      case "elsewhere":
        this.#meets = meeting.again;
        this.#met = false;
        return null;
      case "absent":
        return this.#tell(this.#met ? "ended" : "absent", false, meeting.after);
      case "unreachable":
        return this.#tell("unreachable");
    }
    this.#met = true;
    return this.#play((over) => {
      void meeting.over.then(over);
      return meeting.player;
    });
  }

  /** Tries HLS. */
  async ask(): Promise<Round> {
    const answer = await ask(this.#address, this.#around, this.#signal);
    const mayMeet = this.#meets && this.#around.meet !== null; // who may not have HLS may still have WebRTC, later
    if (answer.status !== "playing") return this.#tell(answer.status === "refused" && mayMeet ? "lost" : answer.status);
    if (answer.playlist === this.#over) return this.#tell("ended");
    const round = await this.#play((over) => this.#around.play(this.#address, over));
    this.#over = round.status === "ended" ? answer.playlist : "";
    return round;
  }

  async #play(begin: (over: (ending: Ending) => void) => Player): Promise<Round> {
    if (!this.#signal.aborted) this.#tell("playing");
    const ending = await playOut(begin, this.#signal);
    const closed = ending === "closed";
    return { ...this.#tell(closed ? "lost" : ending, true), closed };
  }

  #tell(status: Status, played = false, after = 0): Round {
    if (!this.#signal.aborted) this.#around.status(status);
    return { status, played, closed: false, after };
  }
}

interface Answer {
  readonly status: Status;
  readonly playlist: string;
}

// The player would ask too, but not every one says what the answer was.
async function ask(address: string, around: Surroundings, signal: AbortSignal): Promise<Answer> {
  const patience = new AbortController();
  const stop = (): void => patience.abort();
  const timer = setTimeout(stop, askPatience);
  signal.addEventListener("abort", stop);
  try {
    const response = await around.fetch(address, { cache: "no-store", credentials: "same-origin", signal: patience.signal });
    const playlist = await response.text();
    return { status: meaning(response.status), playlist };
  } catch {
    return { status: "unreachable", playlist: "" };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

function meaning(code: number): Status {
  if (code === 200) return "playing";
  if (code === 401 || code === 403) return "refused";
  return code === 404 || code === 503 ? "absent" : "unreachable";
}

function playOut(begin: (over: (ending: Ending) => void) => Player, signal: AbortSignal): Promise<Ending> {
  return new Promise((done) => {
    const stop = (): void => {
      player.close();
      over("lost");
    };
    const over = (ending: Ending): void => {
      signal.removeEventListener("abort", stop);
      done(ending);
    };
    const player = begin(over);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
