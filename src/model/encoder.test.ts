// Hidden states of a few rows are those of all rows, there, and so are their gradients: what is left out is work.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openReference } from "../backends/reference/reference.ts";
import { differentiate } from "../graph/gradient.ts";
import { gather, input, multiply, reshape, state, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { encode } from "./encoder.ts";
import { initialiseParameter } from "./initialise.ts";
import { declareEncoderInputs, makeTables } from "./inputs.ts";
import { mixers } from "./mixers/mixers.ts";
import { listParameters } from "./parameters.ts";
import { completeShape } from "./shape.ts";

const sizes = {
  width: 8,
  heads: 2,
  feedForward: 12,
  vocabulary: 20,
  sequenceLength: 8,
  layers: 2,
  positions: "learned",
} as const;
const layers = [
  ...(["pre", "post", "sandwich", "deep"] as const).map(normalisation => ({ normalisation })),
  { parallel: true },
  { mixer: { name: "attention", scores: "norm" } as const },
  {
    mixer: { name: "attention", causal: true, qkNorm: "learned", valueResidual: true } as const,
    positions: "rotary",
  } as const,
  { positions: "rotary", biases: true } as const,
  { feedForwardEvery: 2 },
  { repeats: 2 },
  { residual: { scalars: true, embeddingSkip: true } },
  ...mixers.map(({ name }) => ({ mixer: { name } as { name: "attention" }, heads: name === "attention" ? 2 : 1 })),
];

for (const [changes, ofEach] of layers.flatMap(each => [[each, false] as const, [each, true] as const])) {
  test(`${ofEach ? "as many rows of each sequence" : "any rows"} of ${JSON.stringify(changes)}`, async () => {
    const shape = completeShape({ ...sizes, ...changes });
    const backend = openReference();
    const listed = listParameters(shape);
    const states = new Map(listed.map(({ name, shape: own }) => [name, backend.allocate(own, "f32")] as const));
    listed.forEach((parameter, i) => {
      const values = initialiseParameter(parameter, i, 3);
      backend.write(
        states.get(parameter.name)!,
        values.map(value => 4 * value),
      );
    });
    const parameters = new Map(listed.map(({ name, shape: own }) => [name, state(name, own)] as const));
    const inputs = declareEncoderInputs(shape, 2, sizes.sequenceLength);
    const rows = input("rows", ofEach ? [2, 3] : [6], "i32");
    const weights = input("weights", [6, sizes.width], "f32");
    const some = encode(inputs, parameters, shape, { rows });
    const all = gather(encode(inputs, parameters, shape), reshape(rows, [6]));
    const follow = (hidden: Tensor) =>
      differentiate(reshape(sum(multiply(hidden, weights), [0, 1]), []), [...parameters.values()]);
    const outputs = Object.fromEntries([
      ...[some, ...follow(some)].map((tensor, i) => [`some${i}`, tensor] as const),
      ...[all, ...follow(all)].map((tensor, i) => [`all${i}`, tensor] as const),
    ]);
    const loaded = await backend.load({ outputs, updates: {} }, states);
    const seen = await loaded.run({
      tokens: Int32Array.from({ length: 16 }, (_, i) => (7 * i) % 20),
      rows: ofEach ? Int32Array.of(1, 2, 7, 8, 11, 14) : Int32Array.of(1, 2, 3, 7, 8, 14),
      weights: Float32Array.from({ length: 48 }, (_, i) => ((13 * i) % 11) - 5),
      ...makeTables(shape),
    });
    for (let i = 0; i <= parameters.size; i++) {
      const [mine, theirs] = [seen[`some${i}`]!, seen[`all${i}`]!];
      const size = Math.max(...Array.from(theirs, Math.abs));
      mine.forEach((value, at) => {
        assert.ok(Math.abs(value - theirs[at]!) <= 1e-12 * Math.max(1, size), `${i}, ${at}`);
      });
    }
    assert.ok(new Set(seen.some0).size > 20);
    await backend.close();
  });
}
