import assert from "node:assert/strict";
import { test } from "node:test";

import { loudness, reason } from "../src/capture.ts";
import type { Loss } from "../src/dialogue.ts";
import { publish, type Attempt, type Surroundings } from "../src/publisher.ts";
import { hasten, preferred, refusal } from "../src/whip.ts";

// How an attempt goes: an answer, or so many seconds on the air until a loss.
type Went = Exclude<Attempt, { is: "sending" }>["is"] | { code: number; after: number } | { for: number; how: Loss };

// Publishes with attempts that go so; where there are no more, the creator stops. Gives all that happened, with each wait in seconds.
async function run(attempts: Went[], there = true): Promise<string[]> {
  const log: string[] = [];
  const stop = new AbortController();
  let clock = 0;
  const around: Surroundings = {
    connect: async () => {
      const next = attempts.shift();
      if (next === undefined) stop.abort();
      if (next === undefined) return { is: "unreachable", after: 0, detail: "" };
      if (typeof next === "string") return { is: next, after: 0, detail: "" };
      if ("code" in next) return refusal({ ...next, detail: "why" });
      return { is: "sending", over: new Promise((over) => setImmediate(() => ((clock += next.for * 1000), over(next.how)))) };
    },
    close: (how) => log.push(`close ${how}`),
    isThere: async () => there,
    status: (status, detail) => log.push(detail ? `${status}: ${detail}` : status),
    sleep: async (time) => ((clock += time), void log.push(String(time / 1000))),
    random: () => 0.5,
    clock: () => clock,
  };
  await publish(around, stop.signal);
  return log;
}

const end = ["close ended", "ended"];

test("comes back after a loss, soon where it had gone well", async () => {
  const lost = (time: number): Went => ({ for: time, how: "lost" });
  assert.deepEqual(await run([lost(60), "unreachable", lost(1), lost(60)]),
    ["connecting", "live", "close lost", "reconnecting", "0.5", "reconnecting", "1", "live", "close lost", "reconnecting", "2", "live", "close lost", "reconnecting", "0.5", ...end]);
});

test("waits longer and longer for a server, and as long as it says", async () => {
  const got = await run(["unreachable", "unreachable", { code: 503, after: 5000 }, "unreachable", "unreachable", "unreachable", "unreachable"]);
  assert.deepEqual(got.filter((word) => Number(word) > 0), ["0.5", "1", "5", "4", "8", "8", "8"]);
  assert.ok(!got.includes("reconnecting"));
});

test("stops where it is of no use to go on", async () => {
  for (const is of ["refused", "missing", "codec", "busy"] as const) assert.deepEqual(await run([is, "unreachable"]), ["connecting", is]);
  assert.deepEqual(await run([{ code: 409, after: 0 }]), ["connecting", "busy: why"]);
  assert.deepEqual((await run([{ for: 60, how: "lost" }, "refused", "unreachable"])).at(-1), "refused");
});

test("does not fight with somebody who took the stream over", async () => {
  assert.deepEqual(await run([{ for: 60, how: "closed" }, "unreachable"]), ["connecting", "live", "close lost", "taken"]);
});

test("comes back to a server that was restarted", async () => {
  assert.deepEqual(await run([{ for: 60, how: "closed" }], false), ["connecting", "live", "close lost", "reconnecting", "0.5", ...end]);
});

test("takes its own shadow for nobody else, for a while", async () => {
  const got = await run([{ for: 60, how: "lost" }, "busy", "busy", "busy", "busy", "busy", "busy", "busy"]);
  assert.deepEqual(got.slice(3), ["reconnecting", "0.5", "reconnecting", "1", "reconnecting", "2", "reconnecting", "4", "reconnecting", "8", "busy"]);
});

test("ends when the creator wants it, whatever happens", async () => {
  const stop = new AbortController();
  const log: string[] = [];
  await publish({
    connect: async () => (setImmediate(() => stop.abort()), { is: "sending", over: new Promise(() => undefined) }),
    close: (how) => log.push(how), isThere: () => assert.fail(), status: (status) => log.push(status),
    sleep: () => assert.fail(), random: () => 0, clock: () => 0,
  }, stop.signal);
  assert.deepEqual(log, ["connecting", "live", "ended", "ended"]);
});

test("what the server's answers mean", () => {
  const cases: [number, Attempt["is"]][] = [
    [401, "refused"], [403, "refused"], [404, "missing"], [405, "missing"], [501, "missing"], [406, "codec"], [422, "codec"], [409, "busy"],
    [0, "unreachable"], [429, "unreachable"], [500, "unreachable"], [503, "unreachable"],
  ];
  for (const [code, want] of cases) assert.equal(refusal({ code, after: 0, detail: "" }).is, want, String(code));
});

test("H.264 comes first, of that what needs least", () => {
  const codec = (mimeType: string, sdpFmtpLine = ""): { mimeType: string; sdpFmtpLine: string } => ({ mimeType, sdpFmtpLine });
  const h264 = (profile: string, mode: number): { mimeType: string; sdpFmtpLine: string } => codec("video/H264", `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`);
  const all = [codec("video/VP8"), codec("video/rtx"), h264("42001f", 1), h264("42e01f", 0), h264("42e01f", 1), h264("4d001f", 1), codec("video/AV1")];
  assert.deepEqual(preferred(all).map((c) => all.indexOf(c)), [4, 2, 5, 3, 0, 1, 6]);
});

test("a rate to begin with goes to the pictures alone", () => {
  const sound = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fmtp:111 minptime=10\r\n";
  const repair = "a=fmtp:103 apt=102\r\n";
  const picture = (more: string): string => `m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1${more}\r\n`;
  for (const [before, after] of [[sound, ""], ["", sound], ["", ""]] as const) {
    assert.equal(hasten(`v=0\r\n${before}${picture("")}${repair}${after}`, 2_500_000), `v=0\r\n${before}${picture(";x-google-start-bitrate=2500")}${repair}${after}`);
  }
  assert.equal(hasten(sound, 1000), sound);
});

test("loudness is told on a scale of decibels", () => {
  const tone = (amplitude: number): Float32Array => Float32Array.from({ length: 480 }, (_, i) => (i % 2 ? amplitude : -amplitude));
  assert.equal(loudness(tone(1)), 1);
  assert.ok(Math.abs(loudness(tone(0.001)) - 0) < 1e-6);
  assert.ok(Math.abs(loudness(tone(10 ** -1.5)) - 0.5) < 1e-6);
  assert.deepEqual([loudness(tone(0)), loudness(tone(4)), loudness(new Float32Array(0))], [0, 1, 0]);
});

test("says in plain words why there is no picture", () => {
  const fault = (name: string): string => reason(new DOMException("internal words", name));
  const said = new Set(["NotAllowedError", "NotFoundError", "NotReadableError", "TypeError"].map(fault));
  assert.equal(said.size, 4);
  for (const text of said) assert.ok(!text.includes("internal"));
});
