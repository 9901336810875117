// Values worked out by hand from the formulas of the reference's schedulers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { batchSizeAt, type RateSettings, rateAt, rateSchedules } from "./schedule.ts";

const points: readonly (readonly [RateSettings, readonly (readonly [number, number])[]])[] = [
  [
    { learningRate: "budget-triangle2" },
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
    { learningRate: "one-cycle" },
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
    { learningRate: "linear", warmup: 0.2 },
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
    { learningRate: "linear", warmup: 0 },
    [
      [0, 1],
      [0.5, 0.5],
      [1, 0],
    ],
  ],
  [
    { learningRate: "cosine", warmup: 0.2 },
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
    { learningRate: "constant-with-cooldown", warmup: 0.1, cooldown: 0.4 },
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
    { learningRate: "constant-with-cooldown", warmup: 0, cooldown: 0 },
    [
      [0, 1],
      [1, 1],
    ],
  ],
  [
    { learningRate: "budget-triangle1" },
    [
      [0, 0.5],
      [0.375, 0.75],
      [0.75, 1],
      [0.9, 0.4],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "multi-cycle", cycles: 8 },
    [
      [0, 0],
      [1 / 16, 1],
      [1 / 8, 0],
      [0.5 + 1 / 32, 0.5],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "cosine-annealing", warmup: 0.2, cycles: 2 },
    [
      [0, 0],
      [0.1, 0.5],
      [0.2, 1],
      [0.4, 0.5],
      [0.8, 0.5],
      [1, 0],
    ],
  ],
  [
    { learningRate: "cosine-annealing", warmup: 0, cycles: 4 },
    [
      [0, 1],
      [0.125, 0.5],
      [0.25, 1],
      [0.9375, (2 - Math.SQRT2) / 4],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "warmup-stable-decay", warmup: 0.1, cooldown: 0.4 },
    [
      [0.05, 0.5],
      [0.6, 1],
      [0.7, 0.5],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "inverse-sqrt", warmup: 0.04, cooldown: 0.36 },
    [
      [0, 0],
      [0.02, 0.5],
      [0.04, 1],
      [0.16, 0.5],
      [0.64, 0.25],
      [0.82, 0.125],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "ramp", cooldown: 0.25 },
    [
      [0, 0],
      [0.5, 0.5],
      [0.75, 0.75],
      [0.875, 0.375],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "inverse-cosine", cooldown: 0 },
    [
      [0, 0],
      [0.5, 0.5],
      [1, 1],
    ],
  ],
  [
    { learningRate: "polynomial", warmup: 0.2, power: 2 },
    [
      [0.1, 0.5],
      [0.2, 1],
      [0.6, 0.25],
      [1, 0],
      [1.01, 0],
    ],
  ],
  [
    { learningRate: "constant", warmup: 0.5 },
    [
      [0.25, 0.5],
      [0.5, 1],
      [1, 1],
    ],
  ],
];

test("every schedule has a row here, and stays between 0 and 1 wherever it is asked", () => {
  const tried = new Set(points.map(([{ learningRate }]) => learningRate));
  assert.deepEqual([...tried].sort(), rateSchedules.map(({ name }) => name).sort());
  for (const [schedule] of points) {
    for (let progress = 0; progress < 1.2; progress += 1 / 64) {
      const rate = rateAt(progress, schedule);
      assert.ok(rate >= 0 && rate <= 1, `${schedule.learningRate} at ${progress}: ${rate}`);
    }
  }
});

for (const [schedule, expected] of points) {
  test(`rates of ${JSON.stringify(schedule)}`, () => {
    for (const [progress, rate] of expected) {
      const got = rateAt(progress, schedule);
      assert.ok(Math.abs(got - rate) < 1e-12, `at ${progress}: ${got}, not ${rate}`);
    }
  });
}

test("the batch grows from one micro-batch to the full batch, in whole micro-batches", () => {
  const ramp = { batchSequences: 8192, microBatchSequences: 128, batchRamp: 0.6 };
  assert.equal(batchSizeAt(0, ramp), 128);
  assert.equal(batchSizeAt(0.3, ramp), 4096 + 128);
  assert.equal(batchSizeAt(0.599, ramp), 8192);
  assert.equal(batchSizeAt(0.6, ramp), 8192);
  assert.equal(batchSizeAt(1, ramp), 8192);
  assert.equal(batchSizeAt(0, { batchSequences: 16, microBatchSequences: 16, batchRamp: 0 }), 16);
  // A batch that is no multiple of the micro-batch is reached, not passed.
  assert.equal(batchSizeAt(0.59, { batchSequences: 200, microBatchSequences: 96, batchRamp: 0.6 }), 200);
});
