import assert from "node:assert/strict";
import { test } from "node:test";

import { Line, readTimed } from "../src/rtp.ts";
import { States } from "../src/states.ts";

const turn = 2 ** 32;
const message = (more: object): string => JSON.stringify({ v: 1, stream: "s1", seq: 1, at: 900, now: 900, show: [], ...more });

test("a line goes on where timestamps begin anew", () => {
  const line = new Line();
  const from = turn - 90000;
  const cases: [number, number][] = [[0, 0], [90000, 1], [180000, 2], [135000, 1.5], [90000 * 3600 * 6, 3600 * 6]];
  for (const [after, want] of cases) assert.equal(line.seconds((from + after) % turn) - from / 90000, want, String(after));
});

test("reads what a data channel says", () => {
  assert.deepEqual(readTimed(message({ rtp: 7 }))?.timestamp, 7);
  assert.deepEqual(readTimed(message({ rtp: turn - 10, now: 900 + 30 }))?.timestamp, 20);
  assert.deepEqual(readTimed(message({ rtp: 5, now: 900 + 3 * turn + 8 }))?.timestamp, 13, "a state that began a day ago");
  const bad: unknown[] = [message({}), message({ rtp: "1" }), message({ rtp: -1 }), message({ rtp: turn }), message({ rtp: 0.5 }), message({ rtp: 1, v: 2 }), "", "{", new ArrayBuffer(4), null];
  for (const data of bad) assert.equal(readTimed(data), null, String(data).slice(0, 60));
});

// The rule of the convention: a state holds from the first picture on for which ((timestamp - rtp) | 0) >= 0.
test("a state holds from its own picture on, over the turn too", () => {
  for (const rtp of [0, 5, 2 ** 31, turn - 3000, turn - 1]) {
    const line = new Line();
    const states = new States();
    line.seconds((rtp - 6000 + turn) % turn); // a picture before
    const got = readTimed(message({ rtp }))!;
    states.add(got.state, line.seconds(got.timestamp));
    for (const [ahead, want] of [[-3000, false], [0, true], [3000, true]] as const) {
      const picture = (rtp + ahead + turn) % turn;
      assert.equal(((picture - rtp) | 0) >= 0, want);
      assert.equal(states.at(line.seconds(picture)) !== null, want, `${ahead} from ${rtp}`);
    }
  }
});
