// Values worked out by hand from the formulas of the reference's schedulers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { batchSizeAt, type RateSchedule, rateAt } from "./schedule.ts";

const points: readonly (readonly [RateSchedule, readonly (readonly [number, number])[]])[] = [
  [
    { name: "budget-triangle2" },
    [
      [0, 0.25],
      [0.5, 0.75],
      [0.75, 1],
      [0.9, 0.4],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { name: "one-cycle" },
    [
      [0, 0],
      [0.25, 0.5],
      [0.5, 1],
      [0.75, 0.5],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { name: "linear", warmup: 0.2 },
    [
      [0, 0],
      [0.1, 0.5],
      [0.2, 1],
      [0.6, 0.5],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { name: "linear", warmup: 0 },
    [
      [0, 1],
      [0.5, 0.5],
      [1, 0],
    ],
  ],
  [
    { name: "cosine", warmup: 0.2 },
    [
      [0, 0],
      [0.1, 0.5],
      [0.2, 1],
      [0.6, 0.5],
      [0.4, (2 + Math.SQRT2) / 4],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { name: "constant-with-cooldown", warmup: 0.1, cooldown: 0.4 },
    [
      [0, 0],
      [0.05, 0.5],
      [0.1, 1],
      [0.6, 1],
      [0.8, 0.5],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { name: "constant-with-cooldown", warmup: 0, cooldown: 0 },
    [
      [0, 1],
      [1, 1],
    ],
  ],
];

for (const [schedule, expected] of points) {
  test(`rates of ${JSON.stringify(schedule)}`, () => {
    for (const [progress, rate] of expected) {
      const got = rateAt(progress, schedule);
      assert.ok(Math.abs(got - rate) < 1e-12, `at ${progress}: ${got}, not ${rate}`);
    }
  });
}

test("the batch grows from one micro-batch to the full batch, in whole micro-batches", () => {
  const ramp = { batchSize: 8192, microBatch: 128, rampShare: 0.6 };
  assert.equal(batchSizeAt(0, ramp), 128);
  assert.equal(batchSizeAt(0.3, ramp), 4096 + 128);
  assert.equal(batchSizeAt(0.599, ramp), 8192);
  assert.equal(batchSizeAt(0.6, ramp), 8192);
  assert.equal(batchSizeAt(1, ramp), 8192);
  assert.equal(batchSizeAt(0, { batchSize: 16, microBatch: 16, rampShare: 0 }), 16);
  // A batch that is no multiple of the micro-batch is reached, not passed.
  assert.equal(batchSizeAt(0.59, { batchSize: 200, microBatch: 96, rampShare: 0.6 }), 200);
});
