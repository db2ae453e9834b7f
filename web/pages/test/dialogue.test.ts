import assert from "node:assert/strict";
import { test } from "node:test";

import { end, isKnown, isThere, offer, waitOf } from "../src/dialogue.ts";
import { Delay, meaning, Silence } from "../src/whep.ts";

const address = "http://host/whep/maria";
type Asked = { address: string; init: RequestInit };

// Gives what was asked while the server answered so.
async function answering(answer: Response | null, act: () => Promise<unknown>): Promise<{ got: unknown; asked: Asked[] }> {
  const asked: Asked[] = [];
  const before = globalThis.fetch;
  globalThis.fetch = async (address, init) => {
    asked.push({ address: String(address), init: init ?? {} });
    return answer ?? Promise.reject(new TypeError("no way"));
  };
  try {
    return { got: await act(), asked };
  } finally {
    globalThis.fetch = before;
  }
}

const live = new AbortController().signal;

test("posts the offer with the secret in a header alone", async () => {
  const made = (): Response => new Response("v=0", { status: 201, headers: { Location: "/whep/maria/x1" } });
  const { got, asked } = await answering(made(), () => offer(address, "t0ken", "v=0 offer", live));
  assert.deepEqual(got, { code: 201, answer: "v=0", session: "http://host/whep/maria/x1", after: 0, detail: "" });
  const { init } = asked[0]!;
  assert.deepEqual(init.headers, { Authorization: "Bearer t0ken", "Content-Type": "application/sdp" });
  assert.deepEqual([asked[0]!.address, init.method, init.body, init.credentials, init.redirect], [address, "POST", "v=0 offer", "omit", "error"]);
  const open = await answering(made(), () => offer(address, "", "", live));
  assert.deepEqual(open.asked[0]!.init.headers, { "Content-Type": "application/sdp" });
});

test("tells what the server said", async () => {
  const problem = (status: number, headers: Record<string, string>, body: string): Promise<unknown> =>
    answering(new Response(body, { status, headers }), () => offer(address, "", "", live)).then(({ got }) => got);
  const not = { answer: "", session: "" };
  assert.deepEqual(await problem(409, { "Retry-After": "2" }, '{"detail":"not live"}'), { ...not, code: 409, after: 2000, detail: "not live" });
  assert.deepEqual(await problem(404, {}, "<html>"), { ...not, code: 404, after: 0, detail: "" });
  assert.deepEqual(await problem(500, {}, '{"detail":7}'), { ...not, code: 500, after: 0, detail: "" });
  const { got } = await answering(null, () => offer(address, "", "", live));
  assert.deepEqual(got, { ...not, code: 0, after: 0, detail: "" });
});

test("Retry-After is bounded, and in seconds", () => {
  for (const [header, want] of [["2", 2000], ["0", 0], ["999999999", 60_000], ["-1", 0], ["1.5", 0], ["Wed, 21 Oct 2026 07:28:00 GMT", 0], [null, 0]] as const) {
    assert.equal(waitOf(header), want, String(header));
  }
});

test("ends a session while the page goes away, and the connection behind it", async () => {
  const log: string[] = [];
  const pc = { close: () => log.push("closed") };
  const { asked } = await answering(new Response(), async () => {
    const ended = end("http://host/whip/maria/x1", "key", pc);
    assert.deepEqual(log, [], "the server hears of it first");
    await ended;
  });
  const { init } = asked[0]!;
  assert.deepEqual([asked[0]!.address, init.method, init.keepalive, init.headers], ["http://host/whip/maria/x1", "DELETE", true, { Authorization: "Bearer key" }]);
  await answering(null, () => end("http://host/whip/maria/x1", "key", pc)); // nobody hears of the fault
  assert.deepEqual(log, ["closed", "closed"]);
});

test("asks whether somebody is there", async () => {
  assert.equal((await answering(new Response(null, { status: 204 }), () => isThere(address))).got, true);
  assert.equal((await answering(new Response(null, { status: 503 }), () => isThere(address))).got, false);
  assert.equal((await answering(null, () => isThere(address))).got, false);
});

test("asks whether a session is known", async () => {
  const session = "http://host/whep/maria/x1";
  const { got, asked } = await answering(new Response(null, { status: 204 }), () => isKnown(session, "t0ken"));
  const { init } = asked[0]!;
  assert.deepEqual([got, asked[0]!.address, init.method, init.body], [true, session, "PATCH", "a=end-of-candidates\r\n"]);
  assert.deepEqual(init.headers, { Authorization: "Bearer t0ken", "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" });
  assert.equal((await answering(new Response(null, { status: 404 }), () => isKnown(session, ""))).got, false);
  assert.equal((await answering(new Response(null, { status: 503 }), () => isKnown(session, ""))).got, true, "who is in the way may be busy");
  assert.equal((await answering(null, () => isKnown(session, ""))).got, false);
});

test("tells of silence, now and then", () => {
  const silence = new Silence();
  const said = [5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7].map((packets) =>
    silence.take([["A", { type: "inbound-rtp", packetsReceived: packets }], ["V", { type: "inbound-rtp", packetsReceived: 1 }], ["C", { type: "codec" }]]));
  assert.deepEqual(said.map(Number), [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0]);
});

test("what refuses for good leaves the stream to HLS", () => {
  assert.deepEqual(meaning(409, 2000), { is: "absent", after: 2000 });
  assert.deepEqual(meaning(0, 0), { is: "unreachable" });
  for (const code of [401, 403, 404, 405, 501]) assert.deepEqual(meaning(code, 0), { is: "elsewhere", again: false }, String(code));
  for (const code of [406, 422, 429, 500, 503]) assert.deepEqual(meaning(code, 0), { is: "elsewhere", again: true }, String(code));
});

test("the delay is half the way there and back, and the wait of the pictures since the last look", () => {
  const stats = (time: number, pictures: number, whole = true): [string, unknown][] => [
    ["T", { type: "transport" }],
    ["A", { type: "inbound-rtp", kind: "audio", totalProcessingDelay: 99, framesDecoded: 1 }],
    ["P", { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 }],
    ["Q", { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.25 }],
    ["V", { type: "inbound-rtp", kind: "video", ...(whole ? { totalProcessingDelay: time, framesDecoded: pictures } : { jitterBufferDelay: time, jitterBufferEmittedCount: pictures }) }],
  ];
  for (const whole of [true, false]) {
    const delay = new Delay();
    assert.ok(Number.isNaN(delay.seconds));
    delay.take(stats(3, 2, whole));
    assert.equal(delay.seconds, 1.625);
    delay.take(stats(4, 6, whole));
    assert.equal(delay.seconds, 0.375);
    delay.take(stats(4, 6, whole)); // no picture came
    assert.ok(Number.isNaN(delay.seconds));
  }
  const unknown = new Delay();
  unknown.take([["V", { type: "inbound-rtp", kind: "video" }]]);
  unknown.take([]);
  assert.ok(Number.isNaN(unknown.seconds));
});
