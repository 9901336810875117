// What padding is to a funnel: whatever its length and whatever stands there, the real tokens' states are the same, also at lengths that no
// stride divides. What a funnel computes is held against PyTorch in golden-variants.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openReference } from "../../backends/reference/reference.ts";
import { fill, state } from "../../graph/operations.ts";
import { type EncodedRows, encode } from "../encoder.ts";
import { initialiseParameter } from "../initialise.ts";
import { declareEncoderInputs, makeTables } from "../inputs.ts";
import { listParameters } from "../parameters.ts";
import { completeShape, type ShapeSettings } from "../shape.ts";
import { findShapeFault } from "../shape-faults.ts";

const sizes = { width: 8, layers: 4, heads: 2, feedForward: 16, vocabulary: 30, sequenceLength: 12 };
const settings: ShapeSettings = { ...sizes, positions: "scaled-sinusoidal", strides: [2, 4, 2, 1] };

/** The final states of sequences, padded to a length with the token 29; of full ones without lengths. */
async function encodeTexts(
  texts: readonly (readonly number[])[],
  length: number,
  changes: Partial<ShapeSettings> = {},
  rows: EncodedRows = "all",
): Promise<number[][]> {
  const shape = completeShape({ ...settings, ...changes });
  const backend = openReference();
  const listed = listParameters(shape);
  const states = new Map(listed.map(({ name, shape }) => [name, backend.allocate(shape, "f32")] as const));
  for (const [i, parameter] of listed.entries()) {
    backend.write(states.get(parameter.name)!, initialiseParameter(parameter, i, 1));
  }
  const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
  const isFull = texts.every(text => text.length === length);
  const inputs = declareEncoderInputs(shape, texts.length, length, isFull ? "full" : "padded");
  const program = await backend.load(
    { outputs: { x: encode(inputs, parameters, shape, { rows }) }, updates: {} },
    states,
  );
  const tokens = texts.flatMap(text => [...text, ...Array.from({ length: length - text.length }, () => 29)]);
  const given = { tokens: Int32Array.from(tokens), ...makeTables(shape, length) };
  const lengths = Int32Array.from(texts, text => text.length);
  const { x } = await program.run(isFull ? given : { ...given, lengths });
  const each = rows === "all" ? length : 1;
  return texts.map((text, b) => [...x!.subarray(b * each * 8, (b * each + Math.min(each, text.length)) * 8)]);
}

const near = (seen: readonly number[], expected: readonly number[]) => {
  assert.equal(seen.length, expected.length);
  for (const [i, value] of seen.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-6, `${i}: ${value}`);
};

const text = [3, 1, 4, 1, 5, 9, 2];
for (const changes of [{}, { positions: "rotary", head: "transform" }, { normalisation: "post" }] as const) {
  test(`${JSON.stringify(changes)}: padding changes nothing`, async () => {
    const [alone] = await encodeTexts([text], 7, changes);
    for (const length of [8, 9, 12]) {
      const [padded, other] = await encodeTexts([text, [7, 8]], length, changes);
      near(padded!, alone!);
      near(other!, (await encodeTexts([[7, 8]], 2, changes))[0]!);
    }
    const [first] = await encodeTexts([text], 11, changes, "first");
    near(first!, alone!.slice(0, 8));
    const [read] = await encodeTexts([text], 11, changes, fill(6, [1], "i32"));
    near(read!, alone!.slice(6 * 8));
  });
}

for (const [strides, message] of [
  [[2, 4], "strides [2, 4] are 2 for 3 layers"],
  [[1, 1, 1], "strides [1, 1, 1] shorten nothing"],
  [[2, 4, 2], "strides [2, 4, 2] end with sequences that are shortened still"],
  [[2, 3, 1], "strides [2, 3, 1] go from one to another that it does not divide"],
  [[2, 1, 2, 1], "strides [2, 1, 2, 1] fall and rise again"],
  [[4, 2, 1], "strides [4, 2, 1] give a layer behind the widest none before it with rows for as many tokens to add"],
  [[8, 1], "sequenceLength 12 is not a multiple of 8, the widest of strides"],
] as const) {
  test(`refused: ${message}`, () => {
    const layers = message.includes("3 layers") ? 3 : strides.length;
    assert.equal(findShapeFault(completeShape({ ...settings, layers, strides }))?.message, message);
  });
}
