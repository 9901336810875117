import assert from "node:assert/strict";
import { test } from "node:test";
import { countParameters, countTrainingFlops } from "./parameters.ts";
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

test("a token of crammed BERT costs 0.623 GFLOP", () => {
  assert.equal((countTrainingFlops(crammedBert, 0.25) / 1e9).toFixed(3), "0.623");
});
