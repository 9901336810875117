import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { simulatedClock } from "../base/clock.ts";
import { adaptLossScale } from "../optim/loss-scale.ts";
import { parseBudget } from "./budget.ts";
import { pretrain } from "./pretrain.ts";
import { overrideRecipe } from "./recipe.ts";
import type { Engine } from "./step/engine.ts";

test("gradients too large for the loss scale skip a step and end no run, until the loss is as it is", async () => {
  let scale = { factor: 64, steadySteps: 0 };
  const engine: Engine = {
    device: "fake",
    parameterCount: 1,
    accumulate: async () => {},
    lossScale: { read: () => scale, restore: () => {} },
    update: async () => {
      const lossScale = scale;
      scale = adaptLossScale(scale, false);
      return { loss: 1, gradientNorm: Number.POSITIVE_INFINITY, lossScale };
    },
    validate: async () => 1,
    readParameters: () => [],
    readMoments: () => [],
    restore: () => {},
    clearMoments: () => {},
  };
  const batch = () => ({});
  const source = { datasetHash: "", unigramEntropy: 5, validationBatches: 1, training: batch, validation: batch };
  const recipe = overrideRecipe(crammedBert, ["train.budget=30steps", "train.badStepsAllowed=3"]);
  const budget = parseBudget(recipe.train.budget);
  const common = { engine, source, recipe, recipeHash: "", budget, clock: simulatedClock(), run: undefined };
  const seen: (readonly [number | undefined, boolean])[] = [];
  await assert.rejects(
    async () => {
      for await (const event of pretrain({ ...common, resumeFrom: undefined, signal: new AbortController().signal })) {
        if (event.kind === "step") seen.push([event.lossScale, event.skipped]);
      }
    },
    { code: "E_DIVERGED" },
  );
  // The warm-up has one of the updates.
  assert.deepEqual(
    seen,
    [32, 16, 8, 4, 2, 1, 1].map(factor => [factor, true]),
  );
});
