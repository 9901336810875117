// cram quickstart: the whole road in a few minutes, on the prose of the installed packages, which every checkout has.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { quickstart as quickstartRecipe } from "../../recipes/quickstart.ts";
import { systemClock } from "../base/clock.ts";
import { collectInstalledProse } from "../corpus/installed-prose.ts";
import { listSources } from "../corpus/sources.ts";
import { Dataset } from "../dataset/dataset.ts";
import { plotCurve } from "../report/plot.ts";
import { openBatches } from "../train/batches.ts";
import { readEvents, type TrainingEvent } from "../train/events.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { beginRun } from "../train/run-folder.ts";
import { addBackendOptions, type BackendOptions, openBackend, parseCount } from "./choose.ts";
import { describeMask, openRunFiller } from "./fill-masks.ts";
import { colour, print, showStatus } from "./output.ts";
import { printDataset } from "./prepare.ts";
import { prepareDataset } from "./prepare-dataset.ts";
import { printExample } from "./pretrain.ts";
import { trainRun } from "./train-run.ts";

interface QuickstartFlags extends BackendOptions {
  readonly budget?: string;
  readonly data: string;
  readonly out?: string;
}

const proseBytes = 6e6;

/** Sentences that readers of READMEs and of Node's documentation can complete. */
const sentences = [
  "npm [MASK] --save-dev",
  "run npm [MASK] to install the dependencies.",
  'import { test } [MASK] "node:test";',
  "const fs = [MASK]('node:fs');",
  "this function [MASK] a promise.",
  "asynchronously [MASK] the contents of a file.",
  "if the file does not [MASK], an error is thrown.",
  "see the [MASK] for more information.",
];

export function addQuickstart(program: Command): void {
  const command = program
    .command("quickstart")
    .description("train a small model on the prose in node_modules, plot its loss, fill masks");
  addBackendOptions(command)
    .option("--budget <time>", `how long to train (${quickstartRecipe.train.budget})`)
    .option("--data <folder>", "where the dataset goes", "data/quickstart")
    .option("--out <folder>", "the run's folder; default: the first free of runs/quickstart, runs/quickstart-2, …")
    .addHelpText("after", "\nExample:\n  cram quickstart --budget 1m")
    .action(quickstart);
}

async function quickstart(flags: QuickstartFlags): Promise<void> {
  const recipe = overrideRecipe(quickstartRecipe, flags.budget === undefined ? [] : [`train.budget=${flags.budget}`]);
  const threads = parseCount("--threads", flags.threads);
  const started = systemClock.seconds();
  const prose = collectInstalledProse(findNodeModules(), { maxBytes: proseBytes });
  const { manifest, documents } = await prepareDataset(
    flags.data,
    listSources(prose),
    {
      vocabulary: recipe.model.vocabulary,
      sequenceLength: recipe.model.sequenceLength,
      normaliser: "ascii-fold",
      preTokenizer: "whitespace",
      textField: "text",
      maxTokensPerCharacter: undefined,
      holdOut: 0.05,
      seed: 0,
      threads,
    },
    showStatus,
  );
  printDataset(flags.data, manifest, documents, systemClock.seconds() - started);

  const run = flags.out ?? findFreeFolder("runs/quickstart");
  const dataset = new Dataset(flags.data);
  const backend = await openBackend(flags, recipe.train.precision);
  try {
    const source = openBatches(dataset, recipe);
    beginRun(run, recipe, flags.data);
    printExample(dataset, recipe);
    showStatus("compiling");
    const end = await trainRun({ backend, recipe, source, run, json: false });
    if (end.reason === "interrupted") {
      process.exitCode = 130;
      return;
    }
    printCurve(readEvents(join(run, "events.jsonl")));
    const fill = openRunFiller(backend, run);
    for (const sentence of sentences) {
      print(colour("bold", sentence));
      for (const mask of await fill(sentence, 4)) print(`  ${describeMask(mask)}`);
    }
  } finally {
    dataset.close();
    await backend.close();
  }
  print(`
What to try next:
  cram fill ${run} "a sentence with a [MASK] of your own"
  cram prepare my-texts/ --out data/mine --recipe quickstart && cram pretrain --data data/mine --recipe quickstart --budget 10m
  cram inspect --recipe crammed-bert      what the paper's model costs
(cram is node dist/src/cli/main.js here, or npx cram)`);
}

/** The training loss over time, and the held-out loss before and after beside the line to beat. */
function printCurve(events: readonly TrainingEvent[]): void {
  const steps = events.filter(event => event.kind === "step");
  const validations = events.filter(event => event.kind === "validation");
  const entropy = events.find(event => event.kind === "start")!.unigramEntropy;
  const before = validations[0]!.loss;
  const after = validations.at(-1)!.loss;
  const points = steps.map(({ elapsedSeconds, loss }) => ({ x: elapsedSeconds, y: loss }));
  print("");
  for (const line of plotCurve(smooth(points), {
    columns: 64,
    rows: 14,
    xLabel: "seconds",
    mark: { value: entropy, name: "unigram" },
  })) {
    print(line);
  }
  print(
    `held-out loss ${before.toFixed(3)} before, ${colour("bold", after.toFixed(3))} after: ` +
      `${Math.abs(entropy - after).toFixed(2)} nats ${after < entropy ? "below" : "above"} the unigram entropy (${entropy.toFixed(3)})\n`,
  );
}

/** Means of successive groups, at most 128 of them: a step's own loss is noise at this batch. */
function smooth(points: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  const group = Math.max(1, Math.ceil(points.length / 128));
  return Array.from({ length: Math.ceil(points.length / group) }, (_, i) => {
    const part = points.slice(i * group, (i + 1) * group);
    return { x: part.at(-1)!.x, y: part.reduce((sum, { y }) => sum + y, 0) / part.length };
  });
}

/** The node_modules that this package was installed into, or its own in a checkout. */
function findNodeModules(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "node_modules")) && dirname(folder) !== folder) folder = dirname(folder);
  return join(folder, "node_modules");
}

function findFreeFolder(base: string): string {
  let folder = base;
  for (let number = 2; existsSync(folder); number++) folder = `${base}-${number}`;
  return folder;
}
