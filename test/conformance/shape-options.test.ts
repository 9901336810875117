// The options of a shape in a training: each resumes to the same bits, what nothing reads is refused by its name with what to change, no
// class of Hugging Face's gets a model as if it had an option not, and matrices begin at what an initialisation says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { UserError } from "../../src/base/errors.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { findUnexpressedOption } from "../../src/export/hugging-face/expressed-options.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { makeTables } from "../../src/model/inputs.ts";
import { abbreviateShape, completeShape } from "../../src/model/shape.ts";
import { countMasked } from "../../src/objectives/predictions.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe, type Recipe } from "../../src/train/recipe.ts";
import { type Engine, openEngine } from "../../src/train/step/engine.ts";
import { fetchTensors, fetchValues } from "../fetch-tensors.ts";

const sizes = ["width=16", "layers=2", "heads=2", "feedForward=24", "vocabulary=30", "sequenceLength=8"];
const recipeOf = (...options: readonly string[]) =>
  overrideRecipe(crammedBertSmall, [
    ...[...sizes, ...options].map(option => `model.${option}`),
    ...["train.microBatchSequences=2", "train.precision=f32"],
  ]);

function drawBatch(recipe: Recipe, number: number) {
  const random = new RandomSequence(3, streams.sampling, number);
  const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
  const tokens = draw(16, 30);
  const positions = draw(2 * countMasked(recipe), 16);
  return { tokens, positions, labels: draw(positions.length, 30), ...makeTables(recipe.model) };
}

async function trainSteps(engine: Engine, recipe: Recipe, from: number, to: number): Promise<void> {
  for (let step = from; step <= to; step++) {
    await engine.accumulate(drawBatch(recipe, step), true);
    await engine.update({ step, rateScale: 1 }, 1);
  }
}

const resumed: readonly (readonly string[])[] = [
  ["mixer.name=fourier", "mixer.attentionLayers=1"],
  ["mixer.name=gated-unit", "mixer.queryWidth=6", "heads=1", "feedForwardEvery=0", "feedForward=2"],
  ["mixer.causal=true", "mixer.qkNorm=learned", "mixer.valueResidual=true", "mixer.valueEmbeddings=true"],
  ["mixer.scores=norm", "normalisation=deep", "initialisation=deep", "norm=rms"],
  [
    "embedding.width=8",
    "embedding.tokenShift=true",
    "embedding.neighbours=3",
    "embedding.bigramRows=40",
    "decoder.tied=false",
  ],
  ["strides=[2,1]", "biases=true", "head=transform"],
  ["residual.scalars=true", "residual.embeddingSkip=true", "repeats=2", "zeroOutputs=true", "decoder.logitCap=5"],
];

for (const options of resumed) {
  test(`${options.join(" ")} resumes to the same bits`, async () => {
    const recipe = recipeOf(...options);
    const backend = openReference();
    const [whole, begun, gone] = await Promise.all([1, 2, 3].map(() => openEngine(backend, defineTraining(recipe))));
    await trainSteps(whole!, recipe, 1, 3);
    await trainSteps(begun!, recipe, 1, 2);
    gone!.restore(await fetchTensors([...begun!.readParameters(), ...begun!.readMoments()]));
    await trainSteps(gone!, recipe, 3, 3);
    const valuesOf = (engine: Engine) => fetchValues(engine.readParameters());
    assert.deepEqual(await valuesOf(gone!), await valuesOf(whole!));
    assert.notDeepEqual(await valuesOf(begun!), await valuesOf(whole!));
    await backend.close();
  });
}

const refused: readonly (readonly [options: readonly string[], message: RegExp, advice: RegExp])[] = [
  [["mixer.name=fourier"], /heads 2 change nothing with mixer fourier/, /model\.heads=1/],
  [["mixer.name=gated-unit", "heads=1", "positions=rotary"], /mixer gated-unit has no queries and keys/, /positions/],
  [["mixer.name=fourier", "mixer.attentionLayers=2"], /attentionLayers 2 leave none of layers 2/, /Lower/],
  [["mixer.qkGain=3"], /mixer\.qkGain 3 changes nothing with mixer\.qkNorm none/, /qkNorm=fixed or learned/],
  [["mixer.causal=true", "mixer.scores=norm"], /mixer\.causal/, /scores=softmax/],
  [["layers=1", "mixer.valueResidual=true"], /valueResidual changes nothing in one layer/, /valueResidual=false/],
  [["rotaryShare=0.5"], /rotaryShare changes nothing with scaled-sinusoidal positions/, /Leave it out/],
  [["normalisation=post", "parallel=true"], /parallel changes nothing with normalisation post/, /Leave it out/],
  [["feedForwardEvery=0"], /feedForward 24 changes nothing/, /model\.feedForward=2/],
  [["feedForwardEvery=3"], /no layer has a feed-forward/, /Lower it/],
  [["embedding.width=16"], /embedding\.width 16 is width 16 itself/, /set it to 0/],
  [["norm=scale", "normGain=false"], /norm scale has a bias and no gain/, /normBias=false/],
  [["mixer.name=forier"], /model\.mixer\.name: none of attention, fourier/, /Did you mean fourier/],
  [["mixer.unitary=true"], /model\.mixer\.unitary changes nothing under attention/, /mixer\.name to fourier/],
];
for (const [options, message, advice] of refused) {
  test(`${options.join(" ")} is refused by name`, () => {
    assert.throws(
      () => recipeOf(...options),
      error => error instanceof UserError && message.test(error.message) && advice.test(error.advice),
    );
  });
}

test("what no class of Hugging Face's has is named, and what was published is written", () => {
  const optionOf = (...options: readonly string[]) => findUnexpressedOption(recipeOf(...options).model)?.path;
  assert.equal(optionOf(), undefined);
  assert.equal(optionOf("normalisation=post", "positions=learned", "activation=gelu", "biases=true"), undefined);
  for (const [option, path] of [
    ["mixer.causal=true", "mixer.causal"],
    ["activation=swiglu", "activation"],
    ["positions=none", "positions"],
    ["norm=rms", "norm"],
    ["decoder.tied=false", "decoder.tied"],
    ["repeats=2", "repeats"],
  ] as const) {
    assert.equal(optionOf(option), path);
  }
});

test("a shape abbreviated is the same shape", () => {
  for (const options of resumed) {
    const { model } = recipeOf(...options);
    assert.deepEqual(completeShape(abbreviateShape(model)), model);
  }
  assert.deepEqual(Object.keys(abbreviateShape(recipeOf().model)), [
    ...["width", "layers", "heads", "feedForward", "vocabulary", "sequenceLength", "positions"],
  ]);
});

test("matrices begin at what the initialisation says", () => {
  const begin = (...options: readonly string[]) => initialiseParameters(recipeOf("width=64", ...options).model, 1);
  const deviation = (values: ArrayLike<number>) =>
    Math.sqrt(Array.from(values).reduce((total, value) => total + value * value, 0) / values.length);
  const isNear = (seen: number, expected: number) => assert.ok(Math.abs(seen / expected - 1) < 0.1, `${seen}`);
  const qkv = "layers.1.attention.qkv";
  isNear(deviation(begin("initialisation=small").get(qkv)!), Math.sqrt(2 / (5 * 64)));
  isNear(deviation(begin("initialisation=megatron").get(qkv)!), Math.sqrt(1 / (3 * 64)));
  isNear(deviation(begin("initialisation=wang").get(qkv)!), 2 / (2 * Math.sqrt(64)));
  const deep = begin("initialisation=deep").get(qkv)!;
  const column = (from: number, to: number) => deep.filter((_, i) => i % 192 >= from && i % 192 < to);
  isNear(deviation(column(0, 128)), 1 / 8);
  isNear(deviation(column(128, 192)), (8 * 2) ** -0.25 / 8);
  // Of 64 × 192 in three parts, each is orthogonal: its columns have length 1 and no product.
  const orthogonal = begin("initialisation=orthogonal").get(qkv)!;
  const product = (a: number, b: number) =>
    Array.from({ length: 64 }, (_, row) => orthogonal[row * 192 + a]! * orthogonal[row * 192 + b]!).reduce(
      (x, y) => x + y,
    );
  for (const [a, b, expected] of [
    [3, 3, 1],
    [70, 70, 1],
    [3, 7, 0],
    [130, 190, 0],
  ] as const) {
    assert.ok(Math.abs(product(a, b) - expected) < 1e-5, `${a}, ${b}: ${product(a, b)}`);
  }
  const zeros = begin("zeroOutputs=true");
  for (const name of ["attention.output", "feedForward.out"]) {
    assert.ok(zeros.get(`layers.0.${name}`)!.every(value => value === 0));
  }
  assert.ok(zeros.get(qkv)!.some(value => value !== 0));
});
