import assert from "node:assert/strict";
import { test } from "node:test";
import { countParameters, countTrainingFlops, leaveRead } from "./parameters.ts";
import { completeShape } from "./shape.ts";

const crammedBert = completeShape({
  width: 768,
  layers: 16,
  heads: 12,
  feedForward: 3072,
  vocabulary: 32768,
  sequenceLength: 128,
  positions: "scaled-sinusoidal",
});

test("crammed BERT has the parameters of the published model", () => {
  assert.equal(countParameters(crammedBert), 119_589_889);
});

test("a token of crammed BERT costs 0.623 GFLOP through all layers, less where a quarter leaves the last attention", () => {
  const whole = countTrainingFlops(crammedBert, 0.25, leaveRead(crammedBert, 1));
  assert.equal((whole / 1e9).toFixed(3), "0.623");
  // Three quarters of the scores and what they weigh, 768² of the output, 768 · 3072 and 1536 · 768 of the feed-forward, 6 of each.
  const left = 2 * 128 * 768 + 768 * 768 + 768 * 3072 + 1536 * 768;
  assert.equal(countTrainingFlops(crammedBert, 0.25), whole - 6 * 0.75 * left);
});
