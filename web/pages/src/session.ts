// Keeps trying to play a stream: asks for it, plays it, and begins anew when it is lost or over.
//
//	 asking ─ 200 ─▶ playing ─ over ─┐
//	   │ ▲                           │
//	   │ └────── waiting, longer ◀───┤
//	   │ 404, 503, faults ───────────┘
//	   └ 401, 403 ─▶ refused, until somebody asks again

import type { Ending, Player } from "./player.ts";

/** What a viewer is told. */
export type Status = "asking" | "playing" | "absent" | "unreachable" | "lost" | "ended" | "refused";

/** What a session needs from outside. */
export interface Surroundings {
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
const askPatience = 10_000; // ms for an answer

/** Plays the stream at an address until the signal. It ends by itself where the viewer is refused. */
export async function watch(address: string, around: Surroundings, signal: AbortSignal): Promise<void> {
  let wait = firstWait;
  let over = ""; // the playlist of a session that has ended
  while (!signal.aborted) {
    const answer = await ask(address, around, signal);
    if (signal.aborted) return;
    if (answer.status === "refused") return around.status("refused");
    if (answer.status !== "playing") around.status(answer.status);
    else if (answer.playlist === over) around.status("ended");
    else {
      const begin = around.clock();
      around.status("playing");
      const ending = await playOut(address, around, signal);
      if (signal.aborted) return;
      if (around.clock() - begin >= goodPlay) wait = firstWait;
      over = ending === "ended" ? answer.playlist : "";
      around.status(ending);
    }
    await around.sleep(wait * (0.75 + around.random() / 2), signal);
    wait = Math.min(wait * 2, longestWait);
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

async function playOut(address: string, around: Surroundings, signal: AbortSignal): Promise<Ending> {
  return new Promise((done) => {
    const stop = (): void => {
      player.close();
      over("lost");
    };
    const over = (ending: Ending): void => {
      signal.removeEventListener("abort", stop);
      done(ending);
    };
    const player = around.play(address, over);
    signal.addEventListener("abort", stop);
  });
}
