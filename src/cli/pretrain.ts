// cram pretrain: a dataset and a recipe to a run, or an interrupted run to its end.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { Dataset } from "../dataset/dataset.ts";
import { decodeTokens } from "../tokenizer/decode.ts";
import { openBatches } from "../train/batches.ts";
import { countMasked } from "../train/definition.ts";
import type { Recipe } from "../train/recipe.ts";
import { beginRun, readRunData, readRunRecipe } from "../train/run-folder.ts";
import {
  addBackendOptions,
  addRecipeOptions,
  type BackendOptions,
  chooseRecipe,
  openBackend,
  type RecipeOptions,
} from "./choose.ts";
import { colour, print, showStatus } from "./output.ts";
import { trainRun } from "./train-run.ts";

interface PretrainFlags extends Partial<RecipeOptions>, BackendOptions {
  readonly set: readonly string[];
  readonly data?: string;
  readonly out?: string;
  readonly resume?: string;
  readonly json?: boolean;
}

const fallbackRecipe = "crammed-bert";

export function addPretrain(program: Command): void {
  const command = program
    .command("pretrain")
    .description("train a model from scratch within a budget, or resume a run");
  command.option("--data <folder>", "the dataset that cram prepare made");
  addBackendOptions(addRecipeOptions(command))
    .option("--budget <time>", 'how long to train: "90s", "5m", "24h", or "300steps"')
    .option("--out <folder>", "the run's folder; default: runs/ and the recipe with the date")
    .option("--resume <run>", "continue an interrupted run, to the same bits as if it had not been interrupted")
    .option("--json", "print events as JSON lines and nothing else")
    .addHelpText(
      "after",
      `
The recipe is ${fallbackRecipe} unless --recipe names another. Ctrl-C ends the step, saves, and says how to resume.

Examples:
  cram pretrain --data data/mine --recipe crammed-bert --budget 24h --out runs/mine
  cram pretrain --data data/mine --recipe crammed-bert-small --set model.layers=6 --budget 10m
  cram pretrain --resume runs/mine

Next: cram fill runs/mine "Paris is the [MASK] of France."`,
    )
    .action(pretrain);
}

async function pretrain(flags: PretrainFlags): Promise<void> {
  const { run, recipe, data } = flags.resume === undefined ? planRun(flags) : planResume(flags.resume, flags);
  const json = flags.json === true;
  const dataset = new Dataset(data);
  try {
    if (!json) showStatus("checking the dataset");
    dataset.verify();
    const source = openBatches(dataset, recipe);
    const backend = await openBackend(flags, recipe.train.precision);
    try {
      if (flags.resume === undefined) beginRun(run, recipe, data);
      if (!json) {
        print(`${run}: recipe ${recipe.name}, budget ${recipe.train.budget}, dataset ${data}`);
        printExample(dataset, recipe);
        showStatus("compiling");
      }
      const end = await trainRun({ backend, recipe, source, run, json });
      if (!json && end.reason === "budget") print(`next: cram fill ${run} "… [MASK] …"`);
      if (end.reason === "interrupted") process.exitCode = 130;
    } finally {
      await backend.close();
    }
  } finally {
    dataset.close();
  }
}

interface Plan {
  readonly run: string;
  readonly recipe: Recipe;
  readonly data: string;
}

function planRun(flags: PretrainFlags): Plan {
  if (flags.data === undefined) {
    throw new UserError("E_OPTION", "no dataset given", "Give --data, a folder that cram prepare made, or --resume.");
  }
  const recipe = chooseRecipe({ ...flags, recipe: flags.recipe ?? fallbackRecipe });
  const stamp = systemClock.date().toISOString().slice(0, 16).replace("T", "-").replace(":", "");
  return { run: flags.out ?? join("runs", `${recipe.name}-${stamp}`), recipe, data: flags.data };
}

/** A run's recipe and data are its own: what would change them is refused. */
function planResume(run: string, flags: PretrainFlags): Plan {
  const refused = [
    ["--recipe", flags.recipe],
    ["--set", flags.set[0]],
    ["--budget", flags.budget],
    ["--out", flags.out],
  ].find(([, value]) => value !== undefined);
  if (refused !== undefined) {
    throw new UserError(
      "E_OPTION",
      `${refused[0]} cannot change a run that is resumed`,
      "Resume it as it is, or begin a new run.",
    );
  }
  if (!existsSync(join(run, "recipe.json"))) {
    throw new UserError("E_FILE_MISSING", `${run}: no run here`, "Give the folder of a run that pretrain began.");
  }
  return { run, recipe: readRunRecipe(run), data: flags.data ?? readRunData(run) };
}

/** One row of training data as the model sees it: the masks, and the tokens to be predicted. */
export function printExample(dataset: Dataset, recipe: Recipe): void {
  const batch = dataset.readTraining(0, 1, countMasked(recipe), recipe.train.seed);
  const { tokenizer } = dataset;
  print(colour("dim", "the first sequence, masked:"));
  print(`  ${decodeTokens(tokenizer, batch.tokens)}`);
  print(colour("dim", "to be predicted:"));
  print(`  ${[...batch.labels].map(label => tokenizer.vocabulary[label]).join(" ")}`);
}
