import assert from "node:assert/strict";
import { test } from "node:test";

import { pace } from "../src/pace.ts";

test("plays faster only when it is late, until it is not", () => {
  const cases: [number, number, number][] = [
    [-1, 1, 1], [0, 1, 1], [0.1, 1, 1], [0.13, 1, 1.05], [0.1, 1.05, 1.05], [0.02, 1.05, 1], [3, 1, 1.1], [0.9, 1.1, 1.05], [NaN, 1.05, 1], [NaN, 1, 1],
  ];
  for (const [late, now, want] of cases) assert.equal(pace(late, now), want, `${late} s late at ${now}`);
});

test("reaches its target and stays there", () => {
  let late = 2;
  let rate = 1;
  for (let quarter = 0; quarter < 4 * 40; quarter++) {
    rate = pace(late, rate);
    late -= (rate - 1) / 4;
  }
  assert.equal(rate, 1);
  assert.ok(late > 0 && late <= 0.02, String(late));
});
