import assert from "node:assert/strict";
import { test } from "node:test";
import { listShapeDifferences } from "./compare-shapes.ts";
import { completeShape, type ModelShape } from "./shape.ts";

const shape = completeShape({
  width: 8,
  layers: 4,
  heads: 2,
  feedForward: 16,
  vocabulary: 20,
  sequenceLength: 16,
  positions: "rotary",
});

test("a field that is absent is what it defaults to", () => {
  const written: ModelShape = {
    ...shape,
    normalisation: "pre",
    normEpsilon: 1e-12,
    firstAttentionNorm: true,
    biases: false,
    activation: "geglu",
    segments: false,
    rotaryBases: [10000],
    head: "tied",
  };
  assert.deepEqual(listShapeDifferences(shape, written), []);
  assert.deepEqual(listShapeDifferences(shape, { ...written, normEpsilon: 1e-5, head: "transform" }), [
    "normEpsilon",
    "head",
  ]);
});

test("bases are compared layer by layer", () => {
  const bases = (rotaryBases: number[]): ModelShape => ({ ...shape, rotaryBases });
  assert.deepEqual(listShapeDifferences(bases([500, 10000]), bases([500, 10000, 500, 10000])), []);
  assert.deepEqual(listShapeDifferences(bases([500, 10000]), bases([500, 500, 10000])), ["rotaryBases"]);
  const other: ModelShape = { ...shape, positions: "scaled-sinusoidal" };
  assert.deepEqual(listShapeDifferences(bases([500]), other), ["positions"]);
});

test("sequences may have another length unless their positions are learned", () => {
  assert.deepEqual(listShapeDifferences(shape, { ...shape, sequenceLength: 8 }), []);
  const learned: ModelShape = { ...shape, positions: "learned" };
  assert.deepEqual(listShapeDifferences(learned, { ...learned, sequenceLength: 8 }), ["sequenceLength"]);
});
