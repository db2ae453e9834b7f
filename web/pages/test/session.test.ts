import assert from "node:assert/strict";
import { test } from "node:test";

import type { Ending } from "../src/player.ts";
import { watch, type Surroundings } from "../src/session.ts";

type Answer = number | "unreachable" | { playlist: string };

// Runs a session with the answers to its requests and the endings of its plays; where there are no more, it is closed.
// Gives all that happened, with the time of each wait in seconds.
async function run(answers: Answer[], endings: { after: number; how: Ending }[] = []): Promise<string[]> {
  const log: string[] = [];
  const stop = new AbortController();
  let clock = 0;
  const around: Surroundings = {
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
      return { transport: "hls.js", latency: () => 1, close: () => log.push("closed") };
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
