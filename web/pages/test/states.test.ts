import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { read, States, type State } from "../src/states.ts";

const state = (seq: number, at: number, more: Partial<State> = {}): State => ({ stream: "s1", seq, at, now: at, show: [], ...more });
const second = 90000;

// What is seen at a time: session and number of the state.
const seen = (states: States, time: number): string | null => {
  const shown = states.at(time);
  return shown && `${shown.state.stream} ${shown.state.seq}`;
};

test("reads the vectors of the convention", () => {
  const { messages, rules } = JSON.parse(readFileSync("../../docs/overlays/vectors.json", "utf8")) as {
    messages: { name: string; text: string }[];
    rules: { name: string; first: string; second: string; newest: string }[];
  };
  for (const { name, text } of messages) assert.equal(read(text)?.seq, (JSON.parse(text) as State).seq, name);
  for (const { name, first, second, newest } of rules) {
    const states = new States();
    for (const [pts, text] of [first, second].entries()) {
      const got = read(text);
      if (got) states.add(got, 100 + pts);
    }
    assert.deepEqual(states.newest, read(newest === "first" ? first : second), name);
  }
});

test("ignores what is no message", () => {
  const good = { v: 1, stream: "s1", seq: 1, at: 0, now: 0, show: [] };
  assert.ok(read(JSON.stringify(good)));
  assert.ok(read(JSON.stringify({ ...good, unknown: {} })));
  const bad: Record<string, unknown>[] = [
    { v: 2 }, { v: "1" }, { stream: "" }, { stream: "a".repeat(17) }, { stream: "a b" }, { stream: 1 }, { seq: 0 }, { seq: 1.5 }, { seq: 2 ** 53 },
    { seq: "1" }, { at: null }, { at: 0.5 }, { at: 1, now: 0 }, { show: null }, { show: {} }, { show: [1, 2, 3, 4, 5] }, { more: "x".repeat(4096) },
    { more: "ä".repeat(2048) },
  ];
  for (const change of bad) assert.equal(read(JSON.stringify({ ...good, ...change })), null, JSON.stringify(change).slice(0, 60));
  for (const text of ["", "null", "1", "[]", "{", '"x"']) assert.equal(read(text), null, text);
});

test("each state holds from its own picture on", () => {
  const states = new States();
  assert.equal(seen(states, 10), null);
  states.add(state(2, 12 * second), 12);
  states.add(state(1, 10 * second), 10);
  const cases: [number, string | null][] = [[9.99, null], [9.999, "s1 1"], [10, "s1 1"], [11.966, "s1 1"], [12, "s1 2"], [99, "s1 2"]];
  for (const [time, want] of cases) assert.equal(seen(states, time), want, String(time));
  assert.equal(seen(states, 11), "s1 1", "seeking back");
});

test("a repeat says when the state began", () => {
  const states = new States();
  states.add(state(5, 100 * second, { now: 102 * second }), 12.5);
  assert.equal(states.at(10.49), null);
  assert.equal(states.at(10.5)?.time, 10.5);
});

test("the highest seq wins whatever the order", () => {
  const states = new States();
  states.add(state(3, second), 1);
  states.add(state(2, 2 * second), 2); // no sender writes that
  assert.equal(seen(states, 3), "s1 3");
});

test("another stream is another session", () => {
  const states = new States();
  states.add(state(40, 1000 * second), 10);
  states.add(state(1, 0, { stream: "s2" }), 20);
  assert.equal(seen(states, 19), "s1 40");
  assert.equal(seen(states, 20), "s2 1");
  assert.equal(states.newest?.stream, "s2");
});

test("an exact time replaces a rounded one, and not the other way round", () => {
  const states = new States();
  assert.equal(states.add(state(1, 0), 10.02, false), true);
  assert.equal(states.add(state(1, 0), 10.02, false), false);
  assert.equal(states.add(state(1, 0), 10.01, false), true);
  assert.equal(states.add(state(1, 0), 10, true), true);
  assert.equal(states.add(state(1, 0), 9, false), false);
  assert.equal(states.add(state(1, 0), 9, true), false);
  assert.equal(states.at(10)?.time, 10);
  assert.equal(states.at(9.9), null);
  assert.equal(states.add(state(2, 0), NaN), false);
});

test("the same object for as long as nothing changes", () => {
  const states = new States();
  states.add(state(1, 0), 1);
  const shown = states.at(1);
  states.add(state(1, 0, { now: 2 * second }), 3);
  assert.equal(states.at(2), shown);
});

test("a card ends by itself", () => {
  const states = new States();
  const show = [{ slot: "a", until: 100 * second }, { slot: "b" }, null, { slot: "c", until: "x" }, { slot: "d", until: 10 * second }];
  states.add(state(1, 98 * second, { show }), 8);
  assert.equal(states.at(9.99)?.show.length, 5, "an end that is before the beginning is none");
  const after = states.at(10);
  assert.deepEqual(after?.show, show.slice(1));
  assert.equal(states.at(11), after);
});

test("keeps a bounded number of states", () => {
  const states = new States();
  for (let seq = 1; seq <= 5000; seq++) states.add(state(seq, seq), seq);
  assert.equal(seen(states, 5000), "s1 5000");
  assert.equal(seen(states, 4500), "s1 4500");
  assert.equal(seen(states, 100), null);
});
