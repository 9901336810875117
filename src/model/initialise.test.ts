import assert from "node:assert/strict";
import { test } from "node:test";
import { initialiseParameters } from "./initialise.ts";
import { completeShape } from "./shape.ts";

const shape = completeShape({
  width: 64,
  layers: 2,
  heads: 4,
  feedForward: 128,
  vocabulary: 512,
  sequenceLength: 16,
  positions: "scaled-sinusoidal",
});

test("embedding and matrices are normal with deviation 0.02, norms 1 and 0, the scale 1/√width", () => {
  for (const [name, values] of initialiseParameters(shape, 3)) {
    if (name === "embedding.scale") assert.deepEqual([...values], [0.125]);
    else if (name.endsWith("norm.weight")) assert.ok(values.every(value => value === 1));
    else if (name.endsWith("norm.bias")) assert.ok(values.every(value => value === 0));
    else {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      const error = 0.02 / Math.sqrt(values.length); // one standard error of the mean
      assert.ok(Math.abs(mean) < 5 * error, `${name}: mean ${mean}`);
      assert.ok(Math.abs(Math.sqrt(variance) - 0.02) < 5 * error, `${name}: deviation ${Math.sqrt(variance)}`);
    }
  }
});

for (const [initialisation, deviation] of [
  ["small", Math.sqrt(2 / (5 * 64))],
  ["megatron", Math.sqrt(1 / (3 * 64))],
  ["wang", 2 / (2 * Math.sqrt(64))],
  ["deep", 0.02],
  ["orthogonal", 0.02],
] as const) {
  test(`embeddings under ${initialisation} have deviation ${deviation.toFixed(4)}`, () => {
    const values = initialiseParameters({ ...shape, initialisation }, 3).get("embedding.word")!;
    const seen = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
    assert.ok(Math.abs(seen / deviation - 1) < 5 / Math.sqrt(2 * values.length), String(seen));
  });
}

test("the seed decides every value, and each parameter has its own", () => {
  const first = initialiseParameters(shape, 3);
  assert.deepEqual(initialiseParameters(shape, 3), first);
  assert.notDeepEqual(initialiseParameters(shape, 4).get("embedding.word"), first.get("embedding.word"));
  const name = (layer: number) => `layers.${layer}.attention.output`;
  assert.notDeepEqual(first.get(name(0)), first.get(name(1)));
});
