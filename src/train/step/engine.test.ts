// What a step makes of its micro-batches, with a loss scale and without: loss, mean gradient, and what a batch rule reads of gradients;
// against gradients that are known by hand, and against the norm that the update has of the same gradient.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { fetchValues } from "../../../test/fetch-tensors.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { input, multiply, subtract, sum } from "../../graph/operations.ts";
import type { Graph } from "../../graph/tensor.ts";
import { drawBatch } from "../../machine/measure-step.ts";
import { defineTraining } from "../definition.ts";
import { overrideRecipe } from "../recipe.ts";
import { openEngine } from "./engine.ts";
import type { TrainingDefinition } from "./training-definition.ts";

/** The gradient is the factors, twice of them where sequences are cut in two. */
const known: TrainingDefinition = {
  parameters: new Map([["weight", [3]]]),
  moments: new Map(),
  loss: parameters => sum(multiply(parameters.get("weight")!, input("factors", [3], "f32")), [0]),
  cutLosses: new Map([[2, parameters => multiply(known.loss(parameters), 2)]]),
  update: (parameters, gradients) => {
    const [weight, gradient] = [parameters.get("weight")!, gradients.get("weight")!];
    return { updates: { weight: subtract(weight, gradient) }, gradientNorm: sum(gradient, [0]) };
  },
  measuresGradients: true,
  scheduleInputs: () => ({}),
  initialise: () => Float32Array.of(1, 1, 1),
};

test("losses and gradients are those of the micro-batches, whatever a loss was multiplied by, of cut sequences, too", async () => {
  for (const scalesLoss of [false, true]) {
    const engine = await openEngine({ ...openReference(), scalesLoss }, known);
    await engine.accumulate({ factors: Float32Array.of(1, 2, 3) }, true);
    assert.deepEqual(engine.measureGradients!(), { newest: [14], across: [0], before: [0] });
    await engine.accumulate({ factors: Float32Array.of(4, 5, 6), cut: 2 }, false);
    assert.deepEqual(engine.measureGradients!(), { newest: [308], across: [64], before: [14] });
    // Means of 6 and 2 · 15, and of the gradients.
    const { loss, gradientNorm } = await engine.update({ step: 1, rateScale: 1 }, 2);
    assert.deepEqual([loss, gradientNorm], [18, 18]);
    assert.deepEqual(await fetchValues(engine.readParameters()), [["weight", [-3.5, -5, -6.5]]]);
    await engine.accumulate({ factors: Float32Array.of(0, 0, 1), cut: 2 }, true);
    assert.deepEqual(engine.measureGradients!(), { newest: [4], across: [0], before: [0] });
  }
});

test("a recipe with a batch rule has its gradients measured, of all that is trained", async () => {
  const recipe = overrideRecipe(quickstart, [
    ...["width=8", "layers=1", "heads=2", "feedForward=8", "vocabulary=11", "sequenceLength=8"].map(
      size => `model.${size}`,
    ),
    ...["optimizer.name=adamw", "train.microBatchSequences=2", "schedule.batchRule.name=norm"],
  ]);
  const engine = await openEngine(openReference(), defineTraining(recipe));
  await engine.accumulate(drawBatch(recipe), true);
  const { newest } = engine.measureGradients!();
  const { gradientNorm } = await engine.update({ step: 1, rateScale: 1 }, 1);
  const norm = Math.sqrt(newest.reduce((total, square) => total + square, 0));
  assert.ok(norm > 0 && Math.abs(norm / gradientNorm - 1) < 1e-5, `${norm} for ${gradientNorm}`);
});

test("a training whose steps have one micro-batch has no program that adds to gradients, and the same updates", async () => {
  const losses = [];
  for (const [batchSequences, programs] of [
    [2, 3],
    [4, 4],
  ] as const) {
    const sizes = ["width=8", "layers=1", "heads=2", "feedForward=8", "vocabulary=11", "sequenceLength=8"];
    const recipe = overrideRecipe(quickstart, [
      ...sizes.map(size => `model.${size}`),
      ...["train.microBatchSequences=2", `schedule.batchSequences=${batchSequences}`],
    ]);
    const backend = openReference();
    let loaded = 0;
    const load: typeof backend.load = (graph, states) => {
      loaded++;
      return backend.load(graph, states);
    };
    const engine = await openEngine({ ...backend, load }, defineTraining(recipe));
    assert.equal(loaded, programs);
    for (const step of [1, 2]) {
      await engine.accumulate(drawBatch(recipe), true);
      losses.push((await engine.update({ step, rateScale: 1 }, 1)).loss);
    }
  }
  assert.deepEqual(losses.slice(0, 2), losses.slice(2));
  assert.notEqual(losses[0], losses[1]);
});

test("what graphs will need is asked for before the first of them is loaded", async () => {
  const backend = openReference();
  const asked: string[] = [];
  const load: typeof backend.load = (graph, states) => {
    asked.push("load");
    return backend.load(graph, states);
  };
  const foresee = (graphs: Iterable<Graph>) =>
    asked.push(...[...graphs].flatMap(({ updates }) => Object.keys(updates)));
  await openEngine({ ...backend, load, foresee }, known);
  assert.equal(asked[0], "weight");
  assert.ok(asked.includes("load"));
});
