// Every recipe of the package: its parameters are those of the model it is named for, and it trains at a size that a test has time for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openReference } from "../src/backends/reference/reference.ts";
import { drawBatch } from "../src/machine/measure-step.ts";
import { countParameters } from "../src/model/parameters.ts";
import { defineTraining } from "../src/train/definition.ts";
import { overrideRecipe } from "../src/train/recipe.ts";
import { hashRecipe } from "../src/train/run-folder.ts";
import { openEngine } from "../src/train/step/engine.ts";
import { chooseRecipe, recipeNames } from "../src/verbs/recipe.ts";

/** A layer of BERT: q, k, v, output and two of the feed-forward, with biases and two norms. */
const layer = (C: number, F: number) => 4 * C * C + 2 * C * F + 4 * C + F + C + 4 * C;
/** Without biases, and the gate taking half of F. */
const gatedLayer = (C: number, F: number) => 4 * C * C + C * F + (C * F) / 2 + 4 * C;
const V = 32768;

const parameters: Readonly<Record<string, number>> = {
  // Published: bert-base-uncased with its head, as Hugging Face counts BertForMaskedLM.
  "bert-original": 109_514_298,
  // Counted from the reference's modules: crammed-bert-simple, crammed-bert, crammed-large-izsak without and with a last norm.
  "bert-base": 110_945_024,
  "crammed-bert": 119_589_889,
  "crammed-bert-legacy": 119_589_889,
  "crammed-large": 337_081_344 + 2 * 1024,
  "bert-large-izsak": 337_081_344 + 2 * 1024,
  // transformers' AlbertForMaskedLM of four groups and one segment, without that segment; its ModernBertForMaskedLM.
  "bert-tiny": 8_788_416 - 96,
  "modern-bert": 149_655_232,
  // By hand: tokens, scale, two norms, layers, and the head's dense layer, norm and bias.
  "bert-c2": V * 768 + 1 + 4 * 768 + 12 * layer(768, 3072) + 768 * 768 + 3 * 768 + V,
  recurrent: V * 768 + 1 + 4 * 768 + 2 * layer(768, 3072) + 768 * 768 + 3 * 768 + V,
  funnel: V * 768 + 1 + 4 * 768 + 12 * layer(768, 3072) + 768 * 768 + 3 * 768 + V,
  "bert-c3": V * 768 + 1 + 4 * 768 + 12 * layer(768, 3072),
  "bert-c4": V * 768 + 1 + 4 * 768 + 12 * gatedLayer(768, 3072),
  "bert-i4": V * 1088 + 1 + 4 * 1088 + 8 * (4 * 1088 ** 2 + 2 * 1088 * 4352 + 4 * 1088),
  "crammed-bert-small": 8192 * 256 + 1 + 4 * 256 + 4 * gatedLayer(256, 1024),
  quickstart: 4096 * 128 + 4 * 128 + 2 * gatedLayer(128, 512),
  "crammed-mini": 8192 * 128 + 4 * 128 * 128 + 4 * 128 + gatedLayer(128, 512),
  "crammed-mini-256": 8192 * 256 + 4 * 256 * 256 + 4 * 256 + 2 * gatedLayer(256, 1024),
  "crammed-mini-64k": 65536 * 256 + 4 * 256 * 256 + 4 * 256 + 2 * gatedLayer(256, 1024),
  "crammed-small": 8192 * 256 + 4 * 256 * 256 + 4 * 256 + 4 * gatedLayer(256, 1024),
  "crammed-small-64k": 65536 * 256 + 4 * 256 * 256 + 4 * 256 + 4 * gatedLayer(256, 1024),
  "crammed-base": V * 768 + 4 * 768 * 768 + 4 * 768 + 12 * gatedLayer(768, 3072),
};

test("every recipe has the parameters of its model", () => {
  const counted = recipeNames.map(name => [name, countParameters(chooseRecipe({ recipe: name }).model)]);
  assert.deepEqual(Object.fromEntries(counted), Object.fromEntries(recipeNames.map(name => [name, parameters[name]])));
});

/** What README, ANALYSIS and the log have measured. A recipe extends another, and what changes the one changes those that extend it. */
const measured: Readonly<Record<string, string>> = {
  "crammed-bert": "6f8acb209dab5dde",
  "crammed-bert-small": "adba109f84866fef",
  quickstart: "a900464bddf57754",
  "crammed-mini": "873bcf7f911914c7",
  "crammed-mini-256": "e59f68bd89a19fe6",
  "crammed-mini-64k": "8e2f5ba9605c6828",
  "crammed-small": "be6cb8933cf8b425",
  "crammed-small-64k": "052afb7f2162740b",
  "crammed-base": "48e31dee322314cd",
  "bert-original": "c535ca032bd3524c",
  "bert-base": "95baf21c9809ff7c",
  "bert-c2": "494f75c2f2aa27a8",
  "bert-c3": "fe5de9263e364cdc",
  "bert-c4": "a9daf333c3b2be27",
  "bert-i4": "c33a2c34625e165c",
  "crammed-bert-legacy": "9b0983081ad5a31c",
  "crammed-large": "54e96e2bfb7bd26a",
  "bert-large-izsak": "ce9d5f12cd30400f",
  "bert-tiny": "24663fac5b47caff",
  recurrent: "ef917ad3e604c207",
  funnel: "e74c928650842f47",
  "modern-bert": "52d064d655ee844a",
};

test("no recipe changes by the change of another: whoever means it names it here", () => {
  const hashes = recipeNames.map(name => [name, hashRecipe(chooseRecipe({ recipe: name }))]);
  assert.deepEqual(Object.fromEntries(hashes), measured);
});

const tiny = [
  ...["model.width=16", "model.layers=2", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
  ...["model.sequenceLength=16", "train.microBatchSequences=2"],
];
/** What would not fit these sizes, or would take its time. */
const tinier: Readonly<Record<string, readonly string[]>> = {
  "bert-tiny": ["model.embedding.width=8"],
  "crammed-mini": ["objective.candidates=40"],
  "crammed-mini-256": ["objective.candidates=40"],
  "crammed-mini-64k": ["objective.candidates=40"],
  "crammed-small": ["objective.candidates=40"],
  "crammed-small-64k": ["objective.candidates=40"],
  "crammed-base": ["objective.candidates=40"],
  recurrent: ["model.repeats=2"],
  funnel: ["model.strides=[2,1]"],
  "modern-bert": ["model.rotaryBases=[160000,10000]"],
};

for (const name of recipeNames) {
  test(`${name} trains, made small`, async () => {
    const recipe = overrideRecipe(chooseRecipe({ recipe: name }), [...tiny, ...(tinier[name] ?? [])]);
    const engine = await openEngine(openReference(), defineTraining(recipe));
    const batch = drawBatch(recipe);
    const losses: number[] = [];
    for (let step = 1; step <= 2; step++) {
      await engine.accumulate(batch, true);
      losses.push((await engine.update({ step, rateScale: 1 }, 1)).loss);
    }
    assert.ok(losses[1]! < losses[0]!, losses.join(" "));
  });
}
