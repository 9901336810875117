import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { simulatedClock } from "../base/clock.ts";
import type { BatchSource } from "../train/batch-queue.ts";
import { parseBudget } from "../train/budget.ts";
import { pretrain } from "../train/pretrain.ts";
import { overrideRecipe } from "../train/recipe.ts";
import type { Engine } from "../train/step/engine.ts";
import { listStretches, planCourse, type StepCost } from "./course.ts";

/** What the training loop itself does on a clock that moves by these costs. */
async function simulate(assignments: readonly string[], cost: StepCost) {
  const recipe = overrideRecipe(crammedBert, assignments);
  const clock = simulatedClock();
  const engine: Engine = {
    device: "simulated",
    parameterCount: 1,
    accumulate: async () => clock.advance(cost.microBatchSeconds),
    update: async () => {
      clock.advance(cost.updateSeconds);
      return { loss: 1, gradientNorm: 1 };
    },
    validate: async () => {
      clock.advance(cost.validationSeconds);
      return 1;
    },
    readParameters: () => [],
    readMoments: () => [],
    restore: () => {},
    clearMoments: () => {},
  };
  const source: BatchSource = {
    datasetHash: "",
    unigramEntropy: 5,
    validationBatches: 1,
    training: () => ({}),
    validation: () => ({}),
  };
  const budget = parseBudget(recipe.train.budget);
  const options = { engine, source, recipe, recipeHash: "", budget, clock, run: undefined, resumeFrom: undefined };
  for await (const event of pretrain({ ...options, signal: new AbortController().signal })) {
    if (event.kind === "end") {
      const planned = planCourse(recipe, budget, cost);
      return { planned, steps: event.step, tokens: event.tokens, seconds: event.elapsedSeconds };
    }
  }
  throw new Error("no end");
}

const near = (value: number, expected: number, share: number) =>
  assert.ok(Math.abs(value - expected) <= share * expected, `${value} is not ${expected}`);

test("steps, tokens and seconds are those of the training loop, with its ramp and its validations", async () => {
  const cost = { microBatchSeconds: 0.5, updateSeconds: 0.25, validationSeconds: 30 };
  const cases = [
    ["train.budget=4h", "train.microBatchSequences=512"],
    ["train.budget=1h", "schedule.batchRamp=0", "train.microBatchSequences=4096"],
    ["train.budget=2000steps", "train.microBatchSequences=512"],
    ["train.budget=2h", "train.microBatchSequences=96", "schedule.batchSequences=1000", "train.validations=3"],
  ];
  for (const assignments of cases) {
    const { planned, steps, tokens, seconds } = await simulate(assignments, cost);
    near(planned.steps, steps, 0.01);
    near(planned.tokens, tokens, 0.01);
    near(planned.seconds, seconds, 0.01);
  }
});

test("the batch grows over the ramp's share of the budget, a micro-batch at a time", () => {
  // 8192 sequences in micro-batches of 2048: 1 to 4 of them, the last from three quarters of the ramp on.
  const recipe = overrideRecipe(crammedBert, ["train.microBatchSequences=2048", "schedule.batchRamp=0.6"]);
  const stretches = listStretches(recipe);
  assert.deepEqual(
    stretches.map(({ microBatches }) => microBatches),
    [1, 2, 3, 4],
  );
  for (const [i, share] of [0.15, 0.15, 0.15, 0.55].entries()) near(stretches[i]!.share, share, 1e-9);
  const flat = overrideRecipe(crammedBert, ["schedule.batchRamp=0", "train.microBatchSequences=2048"]);
  assert.deepEqual(listStretches(flat), [{ share: 1, microBatches: 4 }]);
});

test("a budget that validation uses up leaves no step", () => {
  const recipe = overrideRecipe(crammedBert, ["train.budget=60s"]);
  const cost = { microBatchSeconds: 1, updateSeconds: 1, validationSeconds: 5 };
  const { steps, tokens } = planCourse(recipe, parseBudget("60s"), cost);
  assert.deepEqual([steps, tokens], [0, 0]);
});
