// A rank that follows draws no parameters: it warms up on none, and with rank 0's its steps are rank 0's to the bit.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { fetchValues } from "../../../test/fetch-tensors.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { drawBatch } from "../../machine/measure-step.ts";
import { defineTraining } from "../../train/definition.ts";
import { overrideRecipe } from "../../train/recipe.ts";
import { type OpenEngine, openEngine } from "../../train/step/engine.ts";
import { defineFollowed } from "./follow-run.ts";

const sizes = ["width=8", "layers=1", "heads=2", "feedForward=8", "vocabulary=11", "sequenceLength=8"];

for (const optimizer of ["adamw", "muon"]) {
  test(`a rank that follows draws nothing, and steps by ${optimizer} as rank 0 does`, async () => {
    const recipe = overrideRecipe(quickstart, [
      ...sizes.map(size => `model.${size}`),
      ...[`optimizer.name=${optimizer}`, "train.microBatchSequences=2"],
    ]);
    const batch = drawBatch(recipe);
    const step = async (engine: OpenEngine, rateScale: number) => {
      await engine.accumulate(batch, true);
      await engine.update({ step: 1, rateScale }, 1);
    };
    const leading = await openEngine(openReference(), defineTraining(recipe));
    const following = await openEngine(openReference(), defineFollowed(recipe));
    const drawn = await fetchValues(following.readParameters());
    assert.ok(drawn.length > 0 && drawn.every(([, values]) => values.every(value => value === 0)));
    // As warm-up does it, on whatever the parameters are.
    await step(following, 0);
    following.clearMoments();
    for (const { name, read } of leading.readParameters()) {
      const values = await read();
      following.restore([{ name, shape: [values.length], read: () => values }]);
    }
    await step(leading, 1);
    await step(following, 1);
    assert.deepEqual(await fetchValues(following.readParameters()), await fetchValues(leading.readParameters()));
    assert.deepEqual(await fetchValues(following.readMoments()), await fetchValues(leading.readMoments()));
  });
}
