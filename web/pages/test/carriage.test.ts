import assert from "node:assert/strict";
import { test } from "node:test";

import { messages, unwrap } from "../src/carriage.ts";
import { textsOf } from "../src/native.ts";

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
const size = (n: number): number[] => [(n >> 21) & 127, (n >> 14) & 127, (n >> 7) & 127, n & 127];
const frame = (body: number[], id = "TXXX", flags = [0, 0]): number[] => [...bytes(id), ...size(body.length), ...flags, ...body];
const tag = (body: number[], { major = 4, flags = 0, length = body.length } = {}): number[] => [...bytes("ID3"), major, 0, flags, ...size(length), ...body];
const text = (value: string, encoding = 3): number[] => frame([encoding, ...bytes("simulcart.overlay"), 0, ...bytes(value)]);
const read = (...data: number[]): string[] => messages(new Uint8Array(data));

test("reads the vector of the convention", () => {
  const vector = "4944330400000000001354585858000000090000036f72672e78006869";
  const data = vector.match(/../g)!.map((b) => parseInt(b, 16));
  assert.deepEqual(read(...data), [], "it is not ours");
  // The same form with our description.
  assert.deepEqual(read(...tag(text("hi"))), ["hi"]);
});

test("finds our frame among others", () => {
  const other = frame([0, ...bytes("else"), 0, ...bytes("no")]);
  const long = "x".repeat(300);
  assert.deepEqual(read(...tag([...frame([1, 2, 3], "PRIV"), ...other, ...text("ä"), ...text(long), 0, 0, 0])), ["ä", long]);
  assert.deepEqual(read(...tag(text("a")), ...tag(text("b"))), ["a", "b"], "two tags");
  assert.deepEqual(read(...tag([...size(6), 1, 0, ...text("a")], { flags: 0x40 })), ["a"], "an extended header");
  assert.deepEqual(read(...tag(text("a"), { flags: 0x10 }), ...bytes("3DI"), 4, 0, 0x10, ...size(0), ...tag(text("b"))), ["a", "b"], "a footer");
  assert.deepEqual(read(...tag(text("a", 0))), ["a"], "ISO 8859-1");
  assert.deepEqual(read(...tag(text("a"), { major: 3 })), ["a"], "ID3v2.3");
});

test("takes nothing else", () => {
  const ours = text("a");
  const cases: [string, number[]][] = [
    ["nothing", []],
    ["no tag", bytes("nothing of the kind")],
    ["half a header", tag(ours).slice(0, 8)],
    ["half a frame", tag(ours).slice(0, -2)],
    ["a frame beyond its tag", tag(ours, { length: ours.length - 1 })],
    ["unsynchronised", tag(ours, { flags: 0x80 })],
    ["a compressed frame", tag(frame([3, ...bytes("simulcart.overlay"), 0, 97], "TXXX", [0, 8]))],
    ["UTF-16", tag(text("a", 1))],
    ["bytes that are no UTF-8", tag(frame([3, ...bytes("simulcart.overlay"), 0, 0xff, 0xfe]))],
    ["no value", tag(frame([3, ...bytes("simulcart.overlay")]))],
    ["an empty frame", tag(frame([]))],
    ["too long", tag(text("x".repeat(4097)))],
    ["another version", tag(ours, { major: 2 })],
    ["a size without end", tag([...bytes("TXXX"), 127, 127, 127, 127, 0, 0, 3])],
  ];
  for (const [name, data] of cases) assert.deepEqual(read(...data), [], name);
});

test("any bytes are read to their end", () => {
  // A generator of its own (Numerical Recipes §7.1), so that a failure comes back.
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 1664525 + 1013904223) >>> 0) % below;
  for (let run = 0; run < 2000; run++) {
    const data = tag([...text("a"), ...text("b")]);
    for (let n = 0; n < 4; n++) data[random(data.length)] = random(256);
    assert.ok(read(...data, ...data).length <= 4);
  }
});

test("reads the attribute of a date range", () => {
  assert.equal(unwrap(Buffer.from('{"ä":"??>"}').toString("base64url")), '{"ä":"??>"}');
  for (const bad of ["*", "a", "_w", "A".repeat(6000)]) assert.equal(unwrap(bad), null, bad.slice(0, 10));
  assert.equal(unwrap(""), "");
});

test("reads the cues of WebKit", () => {
  const cases: [string, unknown, string[]][] = [
    ["a frame", { value: { key: "TXXX", info: "simulcart.overlay", data: "{}" } }, ["{}"]],
    ["a frame of others", { value: { key: "TXXX", info: "else", data: "{}" } }, []],
    ["an attribute", { value: { key: "X-SIMULCART-OVERLAY", data: "e30" } }, ["{}"]],
    ["an attribute that is broken", { value: { key: "X-SIMULCART-OVERLAY", data: "*" } }, []],
    ["bytes", { data: new Uint8Array(tag(text("{}"))).buffer }, ["{}"]],
    ["something else", {}, []],
  ];
  for (const [name, cue, want] of cases) assert.deepEqual(textsOf(cue), want, name);
});
