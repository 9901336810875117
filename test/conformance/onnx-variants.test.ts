// ONNX files of every mixer, norm, kind of positions, activation and function of scores against the reference: a file is one graph for
// all lengths, so it is run at another than the reference, without the padding.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { placeParameters } from "../../src/backends/placed-parameters.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { buildOnnxModel } from "../../src/export/onnx/build-onnx.ts";
import { findOnnxRuntime } from "../../src/export/onnx/onnx-runtime.ts";
import { gather, input, state } from "../../src/graph/operations.ts";
import { encode } from "../../src/model/encoder.ts";
import { decodeRows } from "../../src/model/heads.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { declareEncoderInputs, makeTables } from "../../src/model/inputs.ts";
import { mixers } from "../../src/model/mixers/mixers.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { positionNames } from "../../src/model/positions.ts";
import type { ModelShape } from "../../src/model/shape.ts";
import { activationNames } from "../../src/nn/activation.ts";
import { normNames } from "../../src/nn/norm.ts";
import { scoreNames } from "../../src/nn/score-functions.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";

const sizes = ["width=16", "layers=2", "heads=2", "feedForward=24", "vocabulary=30", "sequenceLength=8"];
const shapeOf = (...options: readonly string[]): ModelShape =>
  overrideRecipe(
    crammedBertSmall,
    [...sizes, ...options].map(option => `model.${option}`),
  ).model;

/** Options that go with any of the lists'. */
const others: readonly (readonly string[])[] = [
  [
    "embedding.width=8",
    "embedding.tokenShift=true",
    "embedding.neighbours=3",
    "embedding.bigramRows=40",
    "decoder.tied=false",
  ],
  ["mixer.causal=false", "mixer.qkNorm=learned", "mixer.valueResidual=true", "mixer.valueEmbeddings=true"],
  ["residual.scalars=true", "residual.embeddingSkip=true", "repeats=2", "decoder.logitCap=5", "parallel=true"],
  ["normalisation=sandwich", "biases=true", "head=transform"],
  ["normalisation=deep", "mixer.causal=true"],
];

/** The k-th of each list together, those of the shorter ones again. */
const listed = activationNames.map((activation, k) => {
  const norm = normNames[k % normNames.length]!;
  return [
    ...[`activation=${activation}`, `positions=${positionNames[k % positionNames.length]}`, `norm=${norm}`],
    ...(norm === "layer" ? [] : ["normBias=false"]),
    ...[`mixer.scores=${scoreNames[k % scoreNames.length]}`, ...(others[k] ?? [])],
  ];
});
const variants: readonly (readonly string[])[] = [
  ...listed,
  ["layers=4", "strides=[2,4,2,1]"],
  ["strides=[2,1]", "positions=rotary", "head=transform"],
  ["mixer.name=fourier", "mixer.attentionLayers=1", "positions=rotary", "rotaryBases=[50,10000]"],
  ["mixer.name=fourier", "mixer.unitary=true", "heads=1"],
  ["mixer.name=gated-unit", "mixer.queryWidth=6", "heads=1", "feedForwardEvery=0", "feedForward=2"],
  ["mixer.name=identity", "heads=1", "normGain=false", "normBias=false"],
];

test("the variants have every mixer", () => {
  const named = variants.flat().flatMap(option => /^mixer\.name=(.*)/.exec(option)?.[1] ?? []);
  assert.deepEqual([...new Set(["attention", ...named])].sort(), mixers.map(({ name }) => name).sort());
  assert.ok(listed.length >= Math.max(positionNames.length, normNames.length, scoreNames.length));
});

/** Logits of padded sequences, of real tokens alone. */
async function computeLogits(
  shape: ModelShape,
  values: ReadonlyMap<string, Float32Array>,
  tokens: Int32Array,
  real: number,
) {
  const backend = openReference();
  const parameters = listParameters(shape).map(({ name, shape: own }) => ({
    name,
    shape: own,
    read: () => values.get(name)!,
  }));
  const states = placeParameters(backend, parameters);
  const tensors = new Map(parameters.map(({ name, shape: own }) => [name, state(name, own)] as const));
  const { sequenceLength: S, vocabulary: V } = shape;
  const inputs = declareEncoderInputs(shape, 1, S, "padded");
  const rows = gather(encode(inputs, tensors, shape), input("positions", [real], "i32"));
  const logits = decodeRows(rows, tensors, shape);
  const loaded = await backend.load({ outputs: { logits }, updates: {} }, states);
  const padded = Int32Array.from({ length: S }, (_, i) => tokens[i] ?? 0);
  const positions = Int32Array.from({ length: real }, (_, i) => i);
  const outputs = await loaded.run({ tokens: padded, lengths: Int32Array.of(real), positions, ...makeTables(shape) });
  await backend.close();
  assert.equal(outputs.logits!.length, real * V);
  return Float64Array.from(outputs.logits!);
}

for (const options of variants) {
  test(`ONNX: ${options.join(" ")}`, async () => {
    const shape = shapeOf(...options);
    const drawn = initialiseParameters(shape, 3);
    // Away from what parameters begin at: zeros and ones would hide much.
    const values = new Map(
      [...drawn].map(
        ([name, own], n) => [name, own.map((value, i) => value + 0.3 * Math.sin(1 + i * 0.7 + n))] as const,
      ),
    );
    const parameters = listParameters(shape).map(({ name, shape: own }) => ({
      name,
      shape: own,
      read: () => values.get(name)!,
    }));
    const runtime = await findOnnxRuntime(1);
    assert.ok(runtime, "onnxruntime-node or onnxruntime-web is missing");
    const model = await runtime.open(buildOnnxModel(shape, parameters, "f32"));
    const tokens = [Int32Array.of(5, 9, 28, 1, 17), Int32Array.of(3, 11, 2)];
    // Two rows of five, the second one padded.
    const { logits } = await model.run(Int32Array.of(...tokens[0]!, ...tokens[1]!, 0, 0), Int32Array.of(5, 3));
    for (const [row, own] of tokens.entries()) {
      const expected = await computeLogits(shape, values, own, own.length);
      const seen = logits.subarray(row * 5 * 30, (row * 5 + own.length) * 30);
      const spread = Math.sqrt(expected.reduce((sum, value) => sum + value ** 2, 0) / expected.length);
      const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - seen[i]!)), 0);
      assert.ok(worst < 2e-5 * spread, `off by ${worst}, logits of ${spread}`);
    }
    await model.close();
  });
}
