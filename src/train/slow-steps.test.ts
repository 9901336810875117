import assert from "node:assert/strict";
import { test } from "node:test";
import { createSlowStepWatch } from "./slow-steps.ts";

test("steps that suddenly take longer are told once a minute; one alone, and larger batches, are not", () => {
  const watch = createSlowStepWatch();
  let [step, elapsedSeconds] = [0, 0];
  const take = (stepSeconds: number, batchSequences = 8) => {
    elapsedSeconds += stepSeconds;
    const rest = { progress: 0, loss: 1, gradientNorm: 1, learningRate: 1, tokens: 1, skipped: false };
    return watch({ kind: "step", step: ++step, elapsedSeconds, stepSeconds, batchSequences, ...rest });
  };
  for (let i = 0; i < 40; i++) assert.equal(take(0.1), undefined);
  assert.equal(take(5), undefined);
  for (let i = 0; i < 10; i++) assert.equal(take(1, 80), undefined);
  const warnings = Array.from({ length: 70 }, () => take(1)).filter(text => text !== undefined);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0]!, /10 times longer/);
});
