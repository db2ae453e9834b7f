import assert from "node:assert/strict";
import { test } from "node:test";

import type { Ending, Player } from "../src/player.ts";
import { watch, type Meeting, type Surroundings } from "../src/session.ts";

type Answer = number | "unreachable" | { playlist: string };

// How asking by WebRTC goes; a number: it plays for so many seconds.
type Met = number | { closedAfter: number } | Exclude<Meeting, { is: "playing" }>;

// Runs a session with the answers to its requests and the endings of its plays; where there are no more, it is closed.
// Gives all that happened, with the time of each wait in seconds.
async function run(answers: Answer[], endings: { after: number; how: Ending }[] = [], meetings: Met[] | null = null): Promise<string[]> {
  const log: string[] = [];
  const stop = new AbortController();
  let clock = 0;
  const player = (transport: "whep" | "hls.js"): Player => ({ transport, latency: () => 1, time: () => 0, close: () => log.push("closed") });
  const meet = async (): Promise<Meeting> => {
    const next = meetings!.shift();
    if (next === undefined) stop.abort();
    if (next === undefined || (typeof next === "object" && "is" in next)) return next ?? { is: "unreachable" };
    log.push("met");
    const [seconds, how] = typeof next === "number" ? [next, "lost" as const] : [next.closedAfter, "closed" as const];
    return { is: "playing", player: player("whep"), over: new Promise((over) => setImmediate(() => ((clock += seconds * 1000), over(how)))) };
  };
  const around: Surroundings = {
    meet: meetings && meet,
    fetch: (address) => {
      const next = answers.shift();
      if (next === undefined) stop.abort();
      if (next === undefined || next === "unreachable") return Promise.reject(new Error(address));
      return Promise.resolve(typeof next === "number" ? new Response(`playlist ${log.length}`, { status: next }) : new Response(next.playlist));
    },
    play: (_, over) => {
      const next = endings.shift();
      if (next) setImmediate(() => ((clock += next.after * 1000), over(next.how)));
      else setImmediate(() => stop.abort());
      return player("hls.js");
    },
    status: (status) => log.push(status),
    sleep: (time) => (log.push(String(time / 1000)), Promise.resolve()),
    random: () => 0.5,
    clock: () => clock,
  };
  await watch("index.m3u8", around, stop.signal);
  return log;
}

test("waits longer and longer for a stream that is not there", async () => {
  assert.deepEqual(await run([404, 503, 404, 503, 404, 404]), ["absent", "1", "absent", "2", "absent", "4", "absent", "8", "absent", "15", "absent", "15"]);
});

test("says what is the matter", async () => {
  assert.deepEqual(await run(["unreachable", 500, 429]), ["unreachable", "1", "unreachable", "2", "unreachable", "4"]);
  assert.deepEqual(await run([404, 401, 200]), ["absent", "1", "refused"]);
  assert.deepEqual(await run([403, 200]), ["refused"]);
});

test("comes back after a loss, soon where it had played well", async () => {
  const lost = (after: number): { after: number; how: Ending } => ({ after, how: "lost" });
  assert.deepEqual(await run([200, 200, 200, 403], [lost(1), lost(1), lost(60)]), ["playing", "lost", "1", "playing", "lost", "2", "playing", "lost", "1", "refused"]);
});

test("plays an ended show once, and the next one", async () => {
  const answers = [{ playlist: "a" }, { playlist: "a" }, 404, { playlist: "b" }];
  const got = await run(answers, [{ after: 60, how: "ended" }, { after: 60, how: "ended" }]);
  assert.deepEqual(got, ["playing", "ended", "1", "ended", "2", "absent", "4", "playing", "ended", "1"]);
});

test("lets go of the video when it is closed", async () => {
  assert.deepEqual(await run([200]), ["playing", "closed"]);
});

const off: Met = { is: "elsewhere", again: false };
const not: Met = { is: "elsewhere", again: true };
const idle = (after: number): Met => ({ is: "absent", after });

test("plays by WebRTC first, and comes back by it", async () => {
  assert.deepEqual(await run([], [], [idle(2000), idle(0), 60, 1, { is: "unreachable" }, 5]),
    ["absent", "2", "absent", "2", "met", "playing", "lost", "1", "met", "playing", "lost", "2", "unreachable", "4", "met", "playing", "lost", "8"]);
});

test("asks anew at once where the server closed what it played", async () => {
  assert.deepEqual(await run([], [], [{ closedAfter: 5 }, { closedAfter: 1 }, { closedAfter: 5 }, 60]),
    ["met", "playing", "lost", "0.25", "met", "playing", "lost", "1", "met", "playing", "lost", "0.25", "met", "playing", "lost", "1"]);
});

test("waits as long as the server says", async () => {
  assert.deepEqual(await run([], [], [idle(30_000), idle(500)]), ["absent", "30", "absent", "2"]);
});

test("a stream that was played by WebRTC and is not live any more has ended", async () => {
  assert.deepEqual(await run([], [], [20, idle(2000), idle(2000)]), ["met", "playing", "lost", "1", "ended", "2", "ended", "4"]);
});

test("plays by HLS what WebRTC does not, and asks again where that may change", async () => {
  const lost = { after: 60, how: "lost" } as const;
  assert.deepEqual(await run([200, 200], [lost, lost], [not, off]), ["playing", "lost", "1", "playing", "lost", "1"]);
  assert.deepEqual(await run([200, 404], [lost], [not, not, 7]), ["playing", "lost", "1", "absent", "2", "met", "playing", "lost", "4"]);
  assert.deepEqual(await run([403], [], [off]), ["refused"]);
  assert.deepEqual(await run([403], [], [not, 7]), ["lost", "1", "met", "playing", "lost", "2"]);
});

test("lets go of a connection when it is closed", async () => {
  const stop = new AbortController();
  const log: string[] = [];
  await watch("index.m3u8", {
    meet: async () => {
      setImmediate(() => stop.abort());
      const player: Player = { transport: "whep", latency: () => 1, time: () => 0, close: () => log.push("closed") };
      return { is: "playing", player, over: new Promise(() => undefined) };
    },
    fetch: () => Promise.reject(new Error("not asked")),
    play: () => assert.fail(),
    status: (status) => log.push(status),
    sleep: () => Promise.resolve(),
    random: () => 0.5,
    clock: () => 0,
  }, stop.signal);
  assert.deepEqual(log, ["playing", "closed"]);
});
