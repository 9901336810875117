// cram evaluate: a trained model finetuned and scored on the tasks of a suite, or on a file of one's own.

import { join } from "node:path";
import type { Command } from "commander";
import type { Backend } from "../../backends/backend.ts";
import { systemClock } from "../../base/clock.ts";
import { writeFileAtomically } from "../../base/files/files.ts";
import { checkOutput, refuseKnownFolder } from "../../base/files/folder-kind.ts";
import { lockFolder, withFolderLock } from "../../base/files/folder-lock.ts";
import { quoteCommand } from "../../base/shell-words.ts";
import { type EvaluationEvent, type EvaluationOptions, evaluateTasks, headOf } from "../../evaluate/evaluation.ts";
import { type FinetuneRecipe, hashFinetuneRecipe } from "../../evaluate/finetuning/finetune-recipe.ts";
import { makeScoreboard, type Scoreboard } from "../../evaluate/scores/scoreboard.ts";
import { listResults } from "../../evaluate/storage/evaluation-folder.ts";
import { writeSubmissions } from "../../evaluate/storage/submission-folder.ts";
import { suites } from "../../evaluate/suites/suites.ts";
import { findClass } from "../../export/hugging-face/classifier-export.ts";
import { countModelBytes } from "../../pretrained/kept-model.ts";
import { holdParameters, openPretrainedModel, type PretrainedModel } from "../../pretrained/pretrained-model.ts";
import { formatDuration } from "../../train/budget.ts";
import { addBackendOptions, openBackend, parseCount } from "../choose.ts";
import { colour, print, printError, showStatus } from "../terminal/output.ts";
import { describeResult, formatComparison, formatNotes, formatScores, nameVariant } from "../terminal/print-scores.ts";
import { stopOnSignals } from "../terminal/signals.ts";
import {
  type ChosenTasks,
  chooseFinetuneRecipe,
  chooseTasks,
  type EvaluateFlags,
  recipeNames,
} from "./evaluate-options.ts";
import { openPairEvaluation } from "./evaluate-pairs.ts";

const collect = (value: string, before: readonly string[]) => [...before, value];

export function addEvaluate(program: Command): void {
  const command = program
    .command("evaluate")
    .description("finetune a model on tasks and score it: GLUE, SuperGLUE, RACE, SWAG, or a file of your own")
    .argument("<model>", "the folder of a run, or of a checkpoint of the reference or of Hugging Face")
    .option("--glue-dir <folder>", "evaluate on GLUE, whose files are there")
    .option(
      "--suite <name>",
      `${suites.map(({ name }) => name).join(", ")}; or blimp, minimal pairs scored without training`,
    )
    .option("--suite-dir <folder>", "the suite's files")
    .option("--tasks <names>", "only these tasks of the suite: cola,mrpc")
    .option("--task <file>", "a table of your own: .tsv, .csv, .jsonl (also .gz), .parquet; or words with tags")
    .option("--name <name>", "what --task is called among the results; default: as its file")
    .option("--separator <mark>", "what parts the fields of --task: , ; | or tab; default: as its first lines show")
    .option("--text <column>", "column of the text (repeat for pairs)", collect, [])
    .option("--label <column>", "column of the label or number")
    .option(
      "--kind <kind>",
      "classification, regression, or tokens for a file of words with tags; default: as the labels are",
    )
    .option("--validation <file>", "what to score on; default: a tenth of --task, held out")
    .option("--test <file>", "examples of --task without labels, to be predicted")
    .option("--seeds <number>", "finetunings of each task, of which the median counts; default: 5")
    .option(
      "--recipe <name>",
      `${recipeNames.join(", ")}, or a .json file: how to finetune; default: ${recipeNames[0]}`,
    )
    .option("--set <name=value>", "change one value of the recipe (repeat for more)", collect, [])
    .option("--controls", "also finetune untrained weights, and answer with the commonest class")
    .option(
      "--keep-models",
      "store each seed's finetuned model with its result, for cram export --task; off by default: 4 bytes a parameter " +
        "for each seed and task, 480 MB for crammed-bert, 20 MB for crammed-bert-small",
    )
    .option("--max-train <number>", "use that many training examples at most; such scores are marked")
    .option("--submission <folder>", "also write the files that the GLUE or SuperGLUE server takes")
    .option("--out <folder>", "where results go; default: evaluations/ in the model's folder")
    .option("--json", "print events as JSON lines and nothing else");
  addBackendOptions(command)
    .addHelpText(
      "after",
      `
Every finished task and seed is stored. Ctrl-C stops after the step; the same command goes on with what is not finished.
With --keep-models a seed that was scored without it is run again, because its parameters are gone: on the same device with
the same number of threads to the same score.

Examples:
  cram evaluate runs/mine --glue-dir data/glue
  cram evaluate runs/mine --glue-dir data/glue --tasks cola,mrpc --seeds 3 --controls --set learningRate=1e-4
  cram evaluate runs/mine --task reviews.csv --text review --label stars
  cram evaluate runs/mine --task train.conll --validation dev.conll --kind tokens

Next: cram report runs/mine`,
    )
    .action(evaluate);
}

async function evaluate(folder: string, flags: EvaluateFlags): Promise<void> {
  const open = flags.suite === "blimp" ? openPairEvaluation : openTaskEvaluation;
  // What is read before anything is computed ends at once on Ctrl-C, as in every verb.
  const work = await open(folder, flags);
  const interrupted = await stopOnSignals({
    announcement: "stopping after the step under way; what is finished is stored",
    warn: printError,
    work,
  });
  if (interrupted !== false && flags.json !== true) {
    print("interrupted; the same command goes on with what is not finished");
  }
}

/** Gives what finetunes and scores; it answers true when interrupted. */
async function openTaskEvaluation(
  folder: string,
  flags: EvaluateFlags,
): Promise<(signal: AbortSignal) => Promise<boolean>> {
  const json = flags.json === true;
  const recipe = chooseFinetuneRecipe(flags);
  const seeds = parseCount("--seeds", flags.seeds ?? "5");
  const maxTrain = flags.maxTrain === undefined ? undefined : parseCount("--max-train", flags.maxTrain);
  const chosen = await chooseTasks(flags);
  if (!json) showStatus("reading the model");
  const model = holdParameters(await openPretrainedModel(folder));
  const root = flags.out ?? join(model.home, "evaluations");
  checkOutput(root, "an evaluation", [chosen.name]);
  // Before hours of finetuning.
  if (flags.submission !== undefined) refuseKnownFolder(flags.submission, "a submission's files");
  return async signal => {
    const lock = lockFolder(root, "evaluate");
    let backend: Backend | undefined;
    try {
      backend = await openBackend({ ...flags, signal }, recipe.precision);
      if (!json) {
        print(`${folder}: recipe ${recipe.name}, ${backend.device}`);
        for (const note of model.notes) print(colour("dim", note));
        if (flags.keepModels === true)
          for (const note of describeKept(model, recipe, chosen)) print(colour("dim", note));
      }
      const options: EvaluationOptions = {
        ...{ backend, model, recipe, seeds, maxTrain, root },
        suite: chosen.name,
        tasks: chosen.tasks,
        readData: chosen.readData,
        controls: flags.controls === true,
        keepModels: flags.keepModels === true,
        clock: systemClock,
        signal,
      };
      const show = json ? showJson : createEvaluationPrinter(options);
      let interrupted = false;
      for await (const event of evaluateTasks(options)) {
        show(event);
        interrupted = event.kind === "end" && event.reason === "interrupted";
      }
      const scoreboard = storeScoreboard(chosen, options);
      if (json) print(JSON.stringify({ kind: "scoreboard", ...scoreboard }));
      else printScoreboard(scoreboard);
      if (!interrupted && flags.submission !== undefined && chosen.suite !== undefined) {
        const { suite } = chosen;
        const written = await withFolderLock(flags.submission, "evaluate", () =>
          writeSubmissions(flags.submission!, suite, options),
        );
        if (!json) print(`${flags.submission}: ${written.join(", ")}`);
      }
      if (!json && !interrupted && options.keepModels) {
        print(`next: ${quoteCommand("cram", "export", flags.out ?? folder, "--task", chosen.tasks[0]!.name)}`);
      }
      return interrupted;
    } finally {
      await backend?.close();
      lock.release();
    }
  };
}

/** How large kept models are, and what will not be able to open them, before hours are spent. */
function describeKept({ shape }: PretrainedModel, recipe: FinetuneRecipe, { tasks }: ChosenTasks): string[] {
  const heads = tasks.map(task => ({ ...headOf(task), ...recipe }));
  const bytes = heads.map(head => countModelBytes(shape, head));
  const obstacles = heads.flatMap(head => {
    const found = findClass(shape, head);
    return "obstacle" in found ? [found.obstacle] : [];
  });
  return [
    `each finetuned model is kept, ${(Math.max(...bytes) / 1e6).toFixed(1)} MB a seed`,
    ...[...new Set(obstacles)].map(obstacle => `cram export will write them as ONNX alone: ${obstacle}`),
  ];
}

/** The table of all stored results of this model and recipe, also those of earlier commands. */
function storeScoreboard({ suite, name }: ChosenTasks, { model, recipe, root }: EvaluationOptions): Scoreboard {
  const results = listResults({ root, suite: name }, { model: model.hash, recipe: hashFinetuneRecipe(recipe) });
  const scoreboard = makeScoreboard(results, suite);
  if (results.length > 0) {
    writeFileAtomically(join(root, name, "scoreboard.json"), `${JSON.stringify(scoreboard, undefined, 2)}\n`);
  }
  return scoreboard;
}

function printScoreboard(scoreboard: Scoreboard): void {
  if (scoreboard.columns.length === 0) return;
  print(`\n${formatScores(scoreboard)}`);
  if (scoreboard.rows.some(({ kind, average }) => kind === "published" || average !== undefined)) {
    print(`\n${formatComparison(scoreboard)}`);
  }
  for (const note of formatNotes(scoreboard)) print(colour("dim", note));
}

function showJson(event: EvaluationEvent): void {
  if (event.kind === "step" || event.kind === "scoring") return;
  print(JSON.stringify("task" in event ? { ...event, task: event.task.name } : event));
}

function createEvaluationPrinter({ clock, recipe }: EvaluationOptions): (event: EvaluationEvent) => void {
  let steps = 0;
  let firstStepSeconds: number | undefined;
  let smoothLoss: number | undefined;
  return event => {
    if (event.kind === "plan") {
      for (const warning of event.warnings) print(`${colour("red", "warning:")} ${warning}`);
      steps = event.steps;
      const { finished, withoutModel } = event;
      const before = finished > 0 ? `, ${finished} finished before` : "";
      const again = withoutModel > 0 ? `, ${withoutModel} without a kept model and run again` : "";
      print(`${event.variants} results${before}${again}; ${steps.toLocaleString("en-US")} steps to do`);
    } else if (event.kind === "task") {
      const cut =
        event.truncated > 0
          ? `, ${event.truncated.toLocaleString("en-US")} of them cut to ${recipe.maxLength} tokens`
          : "";
      const count = (examples: number) => examples.toLocaleString("en-US");
      print(
        colour(
          "dim",
          `${event.task.title}: ${count(event.train)} examples for training, ${count(event.validation)} for scoring${cut}`,
        ),
      );
      showStatus(`${event.task.title}: compiling`);
    } else if (event.kind === "step") {
      const { task, variant, stepsDone, step, loss } = event;
      const now = clock.seconds();
      // The first step is where the clock starts: before it programs are compiled.
      firstStepSeconds ??= now;
      smoothLoss = smoothLoss === undefined || step === 1 ? loss : 0.95 * smoothLoss + 0.05 * loss;
      const rate = (stepsDone - 1) / Math.max(now - firstStepSeconds, 1e-9);
      const left = stepsDone > 10 ? `${formatDuration((steps - stepsDone) / rate)} left` : "";
      const where = `step ${step} of ${event.steps}`;
      showStatus(`${nameVariant(task.title, variant)}  ${where}  loss ${smoothLoss.toFixed(3)}  ${left}`);
    } else if (event.kind === "scoring") {
      const { task, variant, done, examples } = event;
      showStatus(`${nameVariant(task.title, variant)}  scoring ${done} of ${examples}`);
    } else if (event.kind === "result") {
      print(`${describeResult(event.result)}${event.isNew ? "" : colour("dim", "; stored before")}`);
    }
  };
}
