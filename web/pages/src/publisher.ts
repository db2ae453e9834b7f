// Keeps publishing: connects, and connects again when the connection is lost, for as long as the creator wants it.
//
//	connecting ─ connected ─▶ live ─ lost ──▶ reconnecting ─▶ connecting
//	 │  │  ▲                    │
//	 │  └──┴ unreachable        └ closed by the server ─▶ taken
//	 └ refused, missing, codec, busy: until the creator begins again

import type { Loss } from "./dialogue.ts";

/** What the creator is told. */
export type Status =
  | "idle" // before the beginning
  | "connecting" | "live"
  | "reconnecting" // it was live
  | "unreachable" // it never was
  | "refused" // the key
  | "missing" // there is no such stream, or no WHIP
  | "codec" // nothing in common
  | "busy" // somebody else publishes
  | "taken" // the server ended it: somebody else does now, or the stream is not there any more
  | "ended"; // by the creator

/** How an attempt to publish went. */
export type Attempt =
  | { readonly is: "sending"; readonly over: Promise<Loss> }
  | { readonly is: "refused" | "missing" | "codec" | "busy" | "unreachable"; readonly after: number; readonly detail: string };

/** What publishing needs from outside. */
export interface Surroundings {
  connect: (signal: AbortSignal) => Promise<Attempt>;
  /** Gives up the connection: one that is lost, or at the end. */
  close: (how: "lost" | "ended") => void;
  /** Says whether the server answers. */
  isThere: () => Promise<boolean>;
  /** Told with each change of what is so; `detail` is the server's own word. */
  status: (status: Status, detail: string) => void;
  /** Waits, in milliseconds, or until the signal. */
  sleep: (time: number, signal: AbortSignal) => Promise<void>;
  /** Gives a number from 0 to 1. */
  random: () => number;
  /** Milliseconds on a clock that only rises. */
  clock: () => number;
}

const firstWait = 500; // ms; twice as long each time
const longestWait = 8000;
const goodTime = 10_000; // ms on the air after which a loss is a new one
const ownShadow = 15_000; // ms after a loss in which the one who publishes may still be ourselves

/** Publishes until the signal, or until that makes no sense any more. */
export async function publish(around: Surroundings, signal: AbortSignal): Promise<void> {
  let wait = firstWait;
  let lost = -Infinity; // when the connection was
  around.status("connecting", "");
  while (!signal.aborted) {
    const attempt = await around.connect(signal);
    if (signal.aborted) break;
    if (attempt.is === "sending") {
      const begin = around.clock();
      around.status("live", "");
      const how = await untilOver(attempt.over, signal);
      if (how === "ended") break;
      around.close("lost");
      // A server that closes, and answers all the same, wants somebody else: to come back would be to fight.
      if (how === "closed" && (await around.isThere())) return around.status("taken", "");
      lost = around.clock();
      if (lost - begin >= goodTime) wait = firstWait;
    } else if (attempt.is !== "unreachable" && !(attempt.is === "busy" && around.clock() - lost < ownShadow)) {
      return around.status(attempt.is, attempt.detail);
    }
    if (signal.aborted) break;
    around.status(lost > -Infinity ? "reconnecting" : "unreachable", "");
    const after = attempt.is === "sending" ? 0 : attempt.after;
    await around.sleep(Math.max(wait * (0.75 + around.random() / 2), after), signal);
    wait = Math.min(wait * 2, longestWait);
  }
  around.close("ended");
  around.status("ended", "");
}

function untilOver(over: Promise<Loss>, signal: AbortSignal): Promise<Loss | "ended"> {
  return new Promise((done) => {
    const stop = (): void => done("ended");
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    void over.then((how) => {
      signal.removeEventListener("abort", stop);
      done(how);
    });
  });
}
