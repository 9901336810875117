// A run that was never trained, for tests of what is done with one: a recipe, a tokenizer of some words, a checkpoint of initial
// parameters.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { quickstart } from "../recipes/quickstart.ts";
import { hashFile } from "../src/base/files/files.ts";
import { saveCheckpoint } from "../src/checkpoint/state.ts";
import { initialiseParameter } from "../src/model/initialise.ts";
import { listTrained } from "../src/objectives/objectives.ts";
import { defineLearnedTokenizer } from "../src/tokenizer/define.ts";
import { normalisers } from "../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../src/tokenizer/tokenizer.ts";
import { writeTokenizer } from "../src/tokenizer/tokenizer-json.ts";
import { overrideRecipe } from "../src/train/recipe.ts";
import { hashRecipe } from "../src/train/run-folder.ts";

/** Writes a run to the folder `run`, which is not there yet: sequences of 16, width 16, and what `settings` say. */
export async function writeTinyRun(
  run: string,
  words: readonly string[],
  settings: readonly string[] = [],
): Promise<void> {
  const vocabulary = [...specialTokens, ...words];
  const recipe = overrideRecipe(quickstart, [
    ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.sequenceLength=16"],
    `model.vocabulary=${vocabulary.length}`,
    ...settings,
  ]);
  mkdirSync(run);
  writeFileSync(join(run, "recipe.json"), JSON.stringify(recipe));
  writeTokenizer(join(run, "tokenizer.json"), defineLearnedTokenizer(vocabulary, normalisers.reference, "whitespace"));
  await saveCheckpoint(run, {
    counters: {
      ...{ step: 10, sequences: 160, elapsedSeconds: 1, seed: 0, datasetHash: "cafe" },
      recipeHash: hashRecipe(recipe),
      tokenizerHash: hashFile(join(run, "tokenizer.json"), "tokenizer"),
    },
    parameters: listTrained(recipe).map((each, i) => ({ ...each, read: () => initialiseParameter(each, i, 0) })),
    moments: [],
  });
}
