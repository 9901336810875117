// The optional fields of a model's shape, from a recipe to a trained model: each changes what is computed, none goes unnoticed,
// and what BERT, RoBERTa and ModernBERT are made of trains. That the numbers are right, golden-foreign-models.test.ts says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bertOriginal } from "../../recipes/bert-original.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { UserError } from "../../src/base/errors.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { makeTables } from "../../src/model/inputs.ts";
import { countParameters, countTrainingFlops, leaveRead } from "../../src/model/parameters.ts";
import { countMasked } from "../../src/objectives/predictions.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { checkRecipe, overrideRecipe, type Recipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { fetchTensors } from "../fetch-tensors.ts";

const tiny = [
  "model.width=16",
  "model.layers=2",
  "model.heads=2",
  "model.feedForward=24",
  "model.vocabulary=30",
  "model.sequenceLength=8",
  "train.microBatchSequences=2",
  "train.precision=f32",
];
const recipeOf = (...assignments: string[]) => overrideRecipe(crammedBertSmall, [...tiny, ...assignments]);

function drawBatch(recipe: Recipe) {
  const random = new RandomSequence(3, streams.sampling, 0);
  const { vocabulary, sequenceLength } = recipe.model;
  const sequences = recipe.train.microBatchSequences;
  const draw = (count: number) => Int32Array.from({ length: count }, () => random.below(vocabulary));
  const masked = countMasked(recipe);
  const positions = Int32Array.from(
    { length: sequences * masked },
    (_, i) => Math.floor(i / masked) * sequenceLength + (i % masked) * 2,
  );
  const tokens = draw(sequences * sequenceLength);
  return { tokens, positions, labels: draw(positions.length), ...makeTables(recipe.model) };
}

/** Loss before each of `steps` updates at a constant rate, and the parameters that all of them left as they were. */
async function train(recipe: Recipe, steps: number): Promise<{ losses: number[]; unmoved: string[] }> {
  const backend = openReference();
  const definition = defineTraining(recipe);
  const engine = await openEngine(backend, definition);
  const batch = drawBatch(recipe);
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    await engine.accumulate(batch, true);
    losses.push((await engine.update({ step, rateScale: 1 }, 1)).loss);
  }
  const unmoved = (await fetchTensors(engine.readParameters())).filter(({ name, read }) => {
    const initial = definition.initialise(name);
    return read().every((value, i) => value === initial[i]);
  });
  await backend.close();
  return { losses, unmoved: unmoved.map(({ name }) => name) };
}

const variants: Readonly<Record<string, readonly string[]>> = {
  normalisation: ["model.normalisation=post"],
  normEpsilon: ["model.normEpsilon=0.001"],
  firstAttentionNorm: ["model.firstAttentionNorm=false"],
  biases: ["model.biases=true"],
  activation: ["model.activation=gelu"],
  segments: ["model.segments=true"],
  rotaryBases: ["model.positions=rotary", "model.rotaryBases=[50,10000]"],
  head: ["model.head=transform"],
  "learned positions": ["model.positions=learned"],
};

test("every optional field changes what is learned, and every parameter it adds learns", async () => {
  // Without weight decay a parameter moves only if the loss depends on it.
  const lossesOf = async (...assignments: readonly string[]) => {
    const { losses, unmoved } = await train(recipeOf(...assignments, "optimizer.weightDecay=0"), 2);
    assert.deepEqual(unmoved, [], assignments.join(" "));
    return losses;
  };
  const base = await lossesOf();
  const rotary = await lossesOf("model.positions=rotary");
  for (const [name, assignments] of Object.entries(variants)) {
    const losses = await lossesOf(...assignments);
    assert.notEqual(losses[1], (name === "rotaryBases" ? rotary : base)[1], name);
  }
});

test("a value named that is the default changes nothing", async () => {
  const named = [
    "normalisation=pre",
    "normEpsilon=1e-12",
    "firstAttentionNorm=true",
    "biases=false",
    "activation=geglu",
  ];
  const recipe = recipeOf(...named.map(field => `model.${field}`), "model.segments=false", "model.head=tied");
  assert.deepEqual(await train(recipe, 2), await train(recipeOf(), 2));
});

const bert = ["normalisation=post", "biases=true", "activation=gelu", "segments=true", "head=transform"];
const families = {
  bert: [...bert.map(field => `model.${field}`), "model.positions=learned"],
  modernbert: [
    "model.positions=rotary",
    "model.rotaryBases=[160000,10000]",
    "model.firstAttentionNorm=false",
    "model.head=transform",
    "model.normEpsilon=1e-5",
  ],
};
for (const [name, assignments] of Object.entries(families)) {
  for (const optimizer of ["adamw", "muon"]) {
    test(`a model like ${name} learns a batch by heart with ${optimizer}`, async () => {
      const recipe = recipeOf(...assignments, `optimizer.name=${optimizer}`, "optimizer.learningRate=0.02");
      const { losses } = await train(recipe, 20);
      assert.ok(losses[0]! > 3 && losses.at(-1)! < 1.5, losses.join(" "));
    });
  }
}

test("parameters and operations of BERT base are the published ones", () => {
  const shape = bertOriginal.model;
  // transformers' BertForMaskedLM of bert-base-uncased has 109,514,298 parameters.
  assert.equal(countParameters(shape), 109_514_298);
  // By hand: 12 · (4 · 768² + 2 · 768 · 3072) in the layers, 12 · 2 · 512 · 768 in attention, 0.15 · (768² + 768 · 30522) in the head.
  const products = 84_934_656 + 9_437_184 + 0.15 * (589_824 + 23_440_896);
  assert.equal(countTrainingFlops(shape, 0.15, leaveRead(shape, 1)), 6 * products);
});

test("fields that change nothing, and values that make no model, are refused by name", () => {
  const fails = (assignments: string[], code: string, message: RegExp) =>
    assert.throws(
      () => recipeOf(...assignments),
      error => error instanceof UserError && error.code === code && message.test(error.message),
    );
  fails(["model.rotaryBases=[100]"], "E_RECIPE_VALUE", /model\.rotaryBases change nothing with scaled-sinusoidal/);
  fails(["model.positions=rotary", "model.rotaryBases=[]"], "E_RECIPE_VALUE", /model\.rotaryBases/);
  fails(["model.positions=rotary", "model.rotaryBases=[10,20,30]"], "E_RECIPE_VALUE", /are 3 and there are 2 layers/);
  fails(["model.normalisation=post", "model.firstAttentionNorm=false"], "E_RECIPE_VALUE", /model\.firstAttentionNorm/);
  fails(["model.normEpsilon=2"], "E_RECIPE_VALUE", /model\.normEpsilon is 2/);
  fails(["model.normalisation=middle"], "E_RECIPE_VALUE", /model\.normalisation/);
  fails(["model.feedForward=25"], "E_RECIPE_VALUE", /model\.feedForward 25 is odd/);
  assert.equal(recipeOf("model.activation=gelu", "model.feedForward=25").model.feedForward, 25);
  fails(["model.normalization=post"], "E_RECIPE_KEY", /no "model\.normalization"/);
  assert.throws(
    () => checkRecipe({ ...recipeOf(), model: { ...recipeOf().model, bias: true } }, "x"),
    /no "model\.bias"/,
  );
});
