// Schedules of decay, momentum, mask rate and length: their values by hand, a step of each against the step of a recipe that has the value
// fixed, a length against a recipe of that length, and what is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import type { HostInputs } from "../backends/backend.ts";
import { openReference } from "../backends/reference/reference.ts";
import { drawBatch } from "../machine/measure-step.ts";
import { makeTables } from "../model/inputs.ts";
import { countMasked, countMaskedAt } from "../objectives/predictions.ts";
import { traceSchedule } from "../plan/schedule-trace.ts";
import { defineTraining } from "./definition.ts";
import { overrideRecipe, type Recipe } from "./recipe.ts";
import { lengthAt, listLengths, scheduleValues } from "./scheduled-values.ts";
import { openEngine } from "./step/engine.ts";
import type { StepSchedule } from "./step/training-definition.ts";

const recipeOf = (...set: readonly string[]) =>
  overrideRecipe(quickstart, [
    ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
    ...[
      "model.sequenceLength=32",
      "train.microBatchSequences=2",
      "optimizer.name=adamw",
      "data.maskFraction=0.25",
      ...set,
    ],
  ]);

async function trainStep(recipe: Recipe, batch: HostInputs, schedules: readonly StepSchedule[]) {
  const engine = await openEngine(openReference(), defineTraining(recipe));
  const results = [];
  for (const schedule of schedules) {
    await engine.accumulate(batch, true);
    results.push(await engine.update(schedule, 1));
  }
  return {
    results,
    parameters: await Promise.all(engine.readParameters().map(async ({ read }) => [...(await read())])),
  };
}

test("values between the least and the recipe's own, by hand; the plan draws them", () => {
  const recipe = recipeOf(
    ...["schedule.weightDecay.name=cosine", "schedule.weightDecay.warmup=0", "optimizer.weightDecay=0.1"],
    ...["schedule.momentum.name=ramp", "schedule.momentum.cooldown=0", "schedule.momentum.least=0.8"],
    ...["data.maskSchedule.name=linear", "data.maskSchedule.warmup=0", "data.maskSchedule.least=0.125"],
    ...["schedule.sequenceLength.name=ramp", "schedule.sequenceLength.cooldown=0"],
  );
  const near = (seen: number | undefined, expected: number) => assert.ok(Math.abs(seen! - expected) < 1e-12, `${seen}`);
  for (const [progress, decay, momentum, masked, length] of [
    [0, 0.1, 0.8, 8, 8],
    [0.25, 0.05 * (1 + Math.SQRT1_2), 0.825, 7, 8],
    [0.5, 0.05, 0.85, 6, 16],
    [0.75, 0.05 * (1 - Math.SQRT1_2), 0.875, 5, 16],
    [1, 0, 0.9, 4, 32],
    [1.01, 0, 0.9, 4, 32],
  ] as const) {
    const values = scheduleValues(Math.min(1, progress), recipe);
    near(values.weightDecay, decay);
    near(values.momentum, momentum);
    assert.equal(countMaskedAt(progress, recipe), masked);
    assert.equal(lengthAt(progress, recipe), length);
  }
  assert.equal(countMasked(recipe), 8);
  assert.deepEqual(listLengths(recipe), [32, 16, 8]);
  const paths = ["optimizer.weightDecay", "optimizer.beta1", "data.maskFraction", "model.sequenceLength"];
  const middle = traceSchedule(recipe, 2).points[1]!.values;
  assert.deepEqual(Object.keys(middle), paths);
  near(middle["model.sequenceLength"], 16);
});

test("a step has the values of its moment, and is the step of a recipe that has them fixed", async () => {
  for (const [optimizer, setting, value, ...more] of [
    ["adamw", "beta1", 0.9],
    ["adam", "beta1", 0.9],
    ["sgd", "momentum", 0.9, "optimizer.nesterov=true"],
    ["lars", "momentum", 0.9, "optimizer.nesterov=true"],
    ["muon", "muonMomentum", 0.95],
  ] as const) {
    const base = [`optimizer.name=${optimizer}`, "optimizer.learningRate=0.01", "optimizer.weightDecay=0.1", ...more];
    const fixed = (progress: number) =>
      recipeOf(
        ...base,
        `optimizer.${setting}=${0.5 + (value - 0.5) * progress}`,
        `optimizer.weightDecay=${0.1 * (1 - progress)}`,
      );
    const scheduled = recipeOf(
      ...[...base, `optimizer.${setting}=${value}`],
      ...["schedule.momentum.name=ramp", "schedule.momentum.cooldown=0", "schedule.momentum.least=0.5"],
      ...["schedule.weightDecay.name=linear", "schedule.weightDecay.warmup=0"],
    );
    const batch = drawBatch(scheduled);
    for (const progress of [0.25, 0.75]) {
      const two = [1, 2].map(step => ({ step, rateScale: 1, progress }));
      const [seen, expected] = [await trainStep(scheduled, batch, two), await trainStep(fixed(progress), batch, two)];
      for (const [i, values] of seen.parameters.entries()) {
        const far = values.findIndex((v, at) => Math.abs(v - expected.parameters[i]![at]!) > 1e-6);
        assert.equal(far, -1, `${optimizer} at ${progress}: parameter ${i}`);
      }
    }
  }
});

test("a shorter length is the loss and the gradient of a recipe of that length, of the same tokens", async () => {
  const curriculum = ["schedule.sequenceLength.name=ramp", "schedule.sequenceLength.cooldown=0"];
  for (const positions of ["learned", "rotary", "scaled-sinusoidal"]) {
    const recipe = recipeOf(`model.positions=${positions}`, ...curriculum);
    const short = recipeOf(`model.positions=${positions}`, "model.sequenceLength=8", "train.microBatchSequences=8");
    // As many predictions in each piece.
    const batch = { ...drawBatch(short), ...makeTables(recipe.model) };
    const schedules = [{ step: 1, rateScale: 1 }];
    const cut = { ...batch, ...makeTables(recipe.model, 8), cut: 4 };
    const [seen, whole] = [await trainStep(recipe, cut, schedules), await trainStep(recipe, batch, schedules)];
    const expected = await trainStep(short, { ...batch, ...makeTables(short.model) }, schedules);
    const near = (a: number, b: number) => Math.abs(a - b) < 1e-6 * b;
    // Their tables of learned positions are other lengths, and so are other random numbers.
    if (positions !== "learned") {
      assert.ok(near(seen.results[0]!.loss, expected.results[0]!.loss), positions);
      assert.ok(near(seen.results[0]!.gradientNorm, expected.results[0]!.gradientNorm), positions);
    }
    assert.notEqual(seen.results[0]!.loss, whole.results[0]!.loss, positions);
  }
});

test("what a schedule cannot change is refused by name", () => {
  const refuses = (message: RegExp, ...set: readonly string[]) =>
    assert.throws(() => recipeOf(...set), { code: "E_RECIPE_VALUE", message });
  refuses(/schedule.momentum changes nothing under lamb/, "optimizer.name=lamb", "schedule.momentum.name=ramp");
  refuses(
    /least 0.2 is not below optimizer.weightDecay/,
    "schedule.weightDecay.name=ramp",
    "schedule.weightDecay.least=0.2",
  );
  refuses(
    /maskSchedule and finalMaskFraction/,
    "data.maskSchedule.name=ramp",
    "data.maskSchedule.least=0.1",
    "data.finalMaskFraction=0.1",
  );
  refuses(/maskSchedule.least masks no position/, "data.maskSchedule.name=linear");
  refuses(/leaves no length/, "schedule.sequenceLength.name=ramp", "schedule.sequenceLength.least=20");
  refuses(/second gradient/, "schedule.sequenceLength.name=ramp", "optimizer.sharpness=0.1");
  refuses(
    /more than the whole budget/,
    "schedule.weightDecay.name=constant-with-cooldown",
    "schedule.weightDecay.warmup=0.5",
    "schedule.weightDecay.cooldown=0.6",
  );
});
