// What is trained may vary; what validation measures does not. Each change here changes the program of a micro-batch or its batches, and
// none changes the program of validation or the batches that it reads.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { drawBatch } from "../../src/machine/measure-step.ts";
import { tokenLosses } from "../../src/nn/token-losses/token-losses.ts";
import { countValidated, defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { buildStepGraphs, openEngine } from "../../src/train/step.ts";

const tiny = [
  ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
  ...["model.sequenceLength=16", "train.microBatchSequences=2", "optimizer.name=adamw", "optimizer.learningRate=0.01"],
];
const recipeWith = (...changes: string[]) => overrideRecipe(quickstart, [...tiny, ...changes]);

function hashPrograms(...changes: string[]): { readonly training: string; readonly validation: string } {
  const { first, validation } = buildStepGraphs(defineTraining(recipeWith(...changes)));
  return { training: compileForCpu(first, 1, "f32").hash, validation: compileForCpu(validation, 1, "f32").hash };
}

const plain = hashPrograms();

/** What changes the program of training. */
const programChanges: readonly (readonly string[])[] = [
  ["data.maskFraction=0.5"],
  ...tokenLosses.filter(({ name }) => name !== "cross-entropy").map(({ name }) => [`loss.name=${name}`]),
  ["loss.name=cross-entropy", "loss.zLoss=1e-4"],
  ["loss.name=cross-entropy", "loss.labelSmoothing=0.1"],
  ["loss.name=focal", "loss.focus=2"],
];

test("each change is another program of training, and the same of validation", () => {
  const hashes = programChanges.map(changes => hashPrograms(...changes));
  assert.equal(new Set([plain, ...hashes].map(({ training }) => training)).size, programChanges.length + 1);
  for (const [i, { validation }] of hashes.entries()) {
    assert.equal(validation, plain.validation, programChanges[i]!.join(" "));
  }
});

test("a loss that is cross-entropy's is its program to the byte", () => {
  assert.deepEqual(hashPrograms("loss.name=cross-entropy"), plain);
});

test("every loss teaches: cross-entropy of the batch falls in twelve steps", async () => {
  for (const { name } of tokenLosses) {
    const recipe = recipeWith(`loss.name=${name}`);
    const engine = await openEngine(openReference(), defineTraining(recipe));
    const batch = drawBatch(recipe, countValidated(recipe));
    const before = await engine.validate(batch);
    for (let step = 1; step <= 12; step++) {
      await engine.accumulate(batch, true);
      await engine.update({ step, rateScale: 1 }, 1);
    }
    const after = await engine.validate(batch);
    assert.ok(after < before - 0.05, `${name}: ${before} to ${after}`);
  }
});

test("what a loss does not read is refused by name", () => {
  const set =
    (...changes: string[]) =>
    () =>
      recipeWith(...changes);
  assert.throws(set("loss.name=focal", "loss.zLoss=1e-4"), {
    code: "E_RECIPE_KEY",
    message: /loss.zLoss changes nothing under focal/,
    advice: "Set loss.name to cross-entropy.",
  });
  assert.throws(set("loss.focus=2"), { code: "E_RECIPE_VALUE", message: /loss.name/ });
  assert.throws(set("loss.name=focla"), { code: "E_RECIPE_VALUE", advice: "Did you mean focal?" });
});
