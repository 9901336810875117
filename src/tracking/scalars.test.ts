import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrainingEvent } from "../events/event.ts";
import { scalarsOf } from "./scalars.ts";

const step: TrainingEvent = {
  kind: "step",
  ...{ step: 3, loss: 7, progress: 0.25, elapsedSeconds: 2, gradientNorm: 1.5, learningRate: 0.0005 },
  ...{ batchSequences: 64, tokens: 24576, stepSeconds: 0.5, skipped: false },
};

test("the speed, and every rate of an optimizer that has several, by hand", () => {
  // 64 sequences of 128 in half a second; Muon's peaks are 0.02 and 0.001, and half of the peak is 0.01.
  const scalars = scalarsOf(step, { tokensPerSequence: 128, rateFactors: { muonLearningRate: 20 } });
  assert.equal(scalars["speed/tokens per second"], 16384);
  assert.deepEqual([scalars["learning rate"], scalars["learning rate of muon"]], [0.0005, 0.01]);
  assert.deepEqual(Object.keys(scalars).filter(name => name.startsWith("learning rate")).length, 2);
});

test("the scale of the loss where there is one", () => {
  const facts = { tokensPerSequence: 128 };
  assert.equal(scalarsOf({ ...step, lossScale: 1024 }, facts)["loss scale"], 1024);
  assert.ok(!("loss scale" in scalarsOf(step, facts)));
});
