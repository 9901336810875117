import assert from "node:assert/strict";
import { test } from "node:test";
import type { StepEvent } from "./event.ts";
import { createSpeedometer, findPeak } from "./speed.ts";

const step = (number: number, stepSeconds: number): StepEvent => ({
  ...{ kind: "step", step: number, progress: 0, elapsedSeconds: 0, loss: 1, gradientNorm: 1, learningRate: 1 },
  ...{ batchSequences: 4, tokens: 0, stepSeconds, skipped: false },
});

test("a peak that was measured too low is what the fastest step reached, and shares are of that", () => {
  // 40 tokens of 5 FLOPs a step: 400 FLOP/s, then half of it, of a peak that was measured as 100.
  const read = createSpeedometer({ tokensPerSequence: 10, flopsPerToken: 5, peakFlops: 100 });
  assert.deepEqual(read(step(1, 0.5)), { tokensPerSecond: 80, shareOfPeak: 1 });
  let speed = { tokensPerSecond: 0, shareOfPeak: 0 } as ReturnType<typeof read>;
  for (let i = 2; i < 1000; i++) speed = read(step(i, 1));
  assert.ok(Math.abs(speed.tokensPerSecond - 40) < 1e-9);
  assert.ok(Math.abs(speed.shareOfPeak! - 0.5) < 1e-9);
  assert.equal(findPeak([100], [400, 200]), 400);
});

test("a measured peak that no step reached stands, and without one there is no share", () => {
  const read = createSpeedometer({ tokensPerSequence: 10, flopsPerToken: 5, peakFlops: 1000 });
  assert.deepEqual(read(step(1, 0.5)), { tokensPerSecond: 80, shareOfPeak: 0.4 });
  const blind = createSpeedometer({ tokensPerSequence: 10, flopsPerToken: 5, peakFlops: undefined });
  assert.deepEqual(blind(step(1, 0.5)), { tokensPerSecond: 80, shareOfPeak: undefined });
  assert.equal(findPeak([], [400]), undefined);
  // A step too short for the clock says nothing.
  assert.equal(findPeak([100], [Number.POSITIVE_INFINITY, Number.NaN]), 100);
});
