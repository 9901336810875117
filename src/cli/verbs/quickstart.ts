// cram quickstart: the whole road in a few minutes, on the prose of the installed packages, which every checkout has.

import { join } from "node:path";
import type { Command } from "commander";
import { quickstart as quickstartRecipe } from "../../../recipes/quickstart.ts";
import { systemClock } from "../../base/clock.ts";
import { quoteWord } from "../../base/shell-words.ts";
import type { TrainingEvent } from "../../events/event.ts";
import { readEvents } from "../../events/event-reader.ts";
import { countPerformanceCores } from "../../machine/cores.ts";
import { openPretrainedModel } from "../../pretrained/pretrained-model.ts";
import { plotCurve } from "../../report/charts/plot.ts";
import { parseBudget } from "../../train/budget.ts";
import { placeMaskFiller } from "../../verbs/model/fill-masks.ts";
import { withRun } from "../../verbs/pretrain/open-run.ts";
import { prepareProse, proseSentences } from "../../verbs/quickstart.ts";
import { chooseRecipe } from "../../verbs/recipe.ts";
import { addBackendOptions, type BackendOptions, chooseBackend } from "../choose.ts";
import { colour, print, printWarning, showStatus } from "../terminal/output.ts";
import { printFilled } from "../terminal/print-filled.ts";
import { printDataset } from "../terminal/print-prepare.ts";
import { stopOnSignals } from "../terminal/signals.ts";
import { nothingTrained, stopAnnouncement, trainRun } from "../train-run.ts";
import { printExample } from "./pretrain.ts";

interface QuickstartFlags extends BackendOptions {
  readonly budget?: string;
  readonly data: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function addQuickstart(command: Command): void {
  addBackendOptions(command)
    .option("--budget <time>", `how long to train (${quickstartRecipe.train.budget})`)
    .option("--data <folder>", "where the dataset goes", "data/quickstart")
    .option("--out <folder>", "the run's folder; default: the first free of runs/quickstart, runs/quickstart-2, …")
    .option("--json", "print what happens as JSON lines and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  cram quickstart
  cram quickstart --budget 1m --threads 4

Next: cram prepare my-texts/ --out data/mine --recipe quickstart`,
    )
    .action(quickstart);
}

async function quickstart(flags: QuickstartFlags): Promise<void> {
  const recipe = chooseRecipe({ recipe: quickstartRecipe, budget: flags.budget });
  // Refused before the prose is read.
  const choice = chooseBackend(flags);
  const threads = choice.threads ?? countPerformanceCores();
  const json = flags.json === true;
  const printLine = (kind: string, content: object) => print(JSON.stringify({ kind, ...content }));
  const started = systemClock.seconds();
  const { manifest, documents, warnings } = await prepareProse(
    flags.data,
    recipe,
    threads,
    json ? undefined : showStatus,
  );
  if (json) printLine("dataset", { out: flags.data, manifest, funnel: documents?.funnel });
  else printDataset(flags.data, { manifest, documents, warnings }, systemClock.seconds() - started);

  const plan = {
    run: flags.out ?? "runs/quickstart",
    takesFreeName: flags.out === undefined,
    recipe,
    budget: parseBudget(recipe.train.budget),
    data: flags.data,
  };
  const train = (signal: AbortSignal) =>
    withRun({ ...plan, isNew: true }, { ...choice, signal }, async open => {
      const { run } = open;
      if (json) printLine("run", { run, recipe: recipe.name });
      else {
        printExample(open.dataset, recipe);
        showStatus("compiling");
      }
      const end = await trainRun(open, { json, signal });
      if (end.reason === "interrupted") return undefined;
      if (!json) printCurve(readEvents(join(run, "events.jsonl")));
      const fill = placeMaskFiller(open.backend, await openPretrainedModel(run));
      for (const text of proseSentences) {
        const masks = await fill(text, 4);
        if (json) printLine("fill", { text, masks });
        else printFilled(text, masks);
      }
      return run;
    });
  const finished = await stopOnSignals({
    announcement: stopAnnouncement,
    unfinished: nothingTrained,
    warn: printWarning,
    work: train,
  });
  if (finished === undefined || json) return;
  const run = quoteWord(finished);
  print(`
What to try next:
  cram fill ${run} "a sentence with a [MASK] of your own"
  cram report ${run}      every number and curve of the run on one page
  cram export ${run}      for transformers, in Python and JavaScript
  cram prepare my-texts/ --out data/mine --recipe quickstart && cram pretrain --data data/mine --recipe quickstart --budget 10m
  cram inspect --recipe crammed-bert      what the paper's model costs
(cram is npx cram where the package is installed)`);
}

/** The training loss over time, and the held-out loss before and after beside the line to beat. */
function printCurve(events: readonly TrainingEvent[]): void {
  const steps = events.filter(event => event.kind === "step");
  const validations = events.filter(event => event.kind === "validation");
  const entropy = events.find(event => event.kind === "start")!.unigramEntropy!;
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
