// A run that counts its processors: what waits costs it nothing, and where nothing of this machine computes it is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { crammedBert } from "../../../recipes/crammed-bert.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { processorClock } from "../../base/clock.ts";
import { parseBudget } from "../../train/budget.ts";
import { pretrain } from "../../train/pretrain.ts";
import { overrideRecipe } from "../../train/recipe.ts";
import { chooseClock } from "./choose-clock.ts";

const computeMilliseconds = (milliseconds: number) => {
  const clock = processorClock(1);
  const end = clock.seconds() + milliseconds / 1000;
  while (clock.seconds() < end);
};

/** Steps in a budget of 0.3 s, each of which computes for 20 ms and waits for 60. */
async function countSteps(set: readonly string[]): Promise<number> {
  const recipe = overrideRecipe(crammedBert, [...set, "train.microBatchSequences=8192", "train.validations=1"]);
  const events = pretrain({
    engine: {
      ...{ device: "fake", parameterCount: 1, clearMoments: () => {}, restore: () => {} },
      accumulate: async () => {
        computeMilliseconds(20);
        await pause(60);
      },
      update: async () => ({ loss: 1, gradientNorm: 1 }),
      validate: async () => 1,
      ...{ readParameters: () => [], readMoments: () => [] },
    },
    source: {
      ...{ datasetHash: "d", unigramEntropy: 5, validationBatches: 1 },
      training: () => ({}),
      validation: () => ({}),
    },
    ...{ recipe, recipeHash: "", budget: parseBudget("0.3s"), run: undefined, resumeFrom: undefined },
    clock: chooseClock(recipe, openReference()),
    signal: new AbortController().signal,
  });
  for await (const event of events) if (event.kind === "end") return event.step;
  throw new Error("no end");
}

test("seconds of processors leave out what waits, seconds of the wall's clock do not", async () => {
  // 15 steps at most, less what else computes in this process; 4 at most by the wall's clock.
  assert.ok((await countSteps([])) <= 4);
  const steps = await countSteps(["train.clock=processor"]);
  assert.ok(steps >= 8 && steps <= 15, `${steps} steps`);
});

test("a budget is of all the processors that compute at once", async () => {
  const recipe = overrideRecipe(crammedBert, ["train.clock=processor"]);
  const clocks = [1, 4].map(processors => chooseClock(recipe, { ...openReference(), processors }));
  const before = clocks.map(clock => clock.seconds());
  computeMilliseconds(100);
  const [one, four] = clocks.map((clock, i) => clock.seconds() - before[i]!);
  assert.ok(one! >= 0.1 && one! / four! > 3.5 && one! / four! < 4.5, `${one} and ${four}`);
});

test("where a device computes it is refused by name", () => {
  const recipe = overrideRecipe(crammedBert, ["train.clock=processor"]);
  const { processors: _, ...device } = openReference();
  assert.throws(() => chooseClock(recipe, { ...device, name: "cuda" }), {
    code: "E_OPTION",
    message: /train.clock=processor counts .* the cuda backend/,
  });
});
