// cram pretrain: a dataset and a recipe to a run, or an interrupted run to its end.

import { type Command, Option } from "commander";
import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { quoteOwnCommand } from "../../base/shell-words.ts";
import type { Dataset } from "../../dataset/dataset.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { findHeadFault } from "../../objectives/objectives.ts";
import { decodeTokens } from "../../tokenizer/encoding/decode.ts";
import { checkTrackingUri } from "../../tracking/mlflow-client.ts";
import { checkWandbProject } from "../../tracking/wandb-log.ts";
import { checkFit, readTrainingBatch } from "../../train/batches.ts";
import type { Recipe } from "../../train/recipe.ts";
import { readRunDevice } from "../../train/run-folder.ts";
import { checkRanks } from "../../verbs/pretrain/lead-run.ts";
import { type RunChoice, withRun } from "../../verbs/pretrain/open-run.ts";
import { fallbackRecipe, planNewRun, planResumedRun, type RunPlan } from "../../verbs/pretrain/run-plan.ts";
import {
  addBackendOptions,
  addRecipeOptions,
  type BackendOptions,
  chooseBackend,
  describeThreads,
  listGiven,
  type RecipeOptions,
} from "../choose.ts";
import { explainCount, parseCount, refuseValue } from "../numbers.ts";
import { suggest } from "../terminal/completion.ts";
import { colour, print, printWarning, showStatus } from "../terminal/output.ts";
import { stopOnSignals } from "../terminal/signals.ts";
import { nothingTrained, stopAnnouncement, trainRun } from "../train-run.ts";
import { describeRanks, withRanks } from "../with-ranks.ts";

interface PretrainFlags extends Partial<RecipeOptions>, BackendOptions {
  readonly set: readonly string[];
  readonly data?: string;
  readonly out?: string;
  readonly initFrom?: string;
  readonly microBatch?: string;
  readonly resume?: string;
  readonly fromStep?: string;
  readonly extend?: string;
  readonly tensorboard?: boolean;
  readonly wandb?: string | true;
  readonly mlflow?: string;
  readonly mlflowExperiment?: string;
  readonly verify?: boolean;
  readonly devices?: string;
  readonly sum?: "fast" | "in-order";
  readonly shardOptimizer?: boolean;
  readonly sync?: string;
  readonly json?: boolean;
}

export function addPretrain(command: Command): void {
  command.option("--data <folder>", "the dataset that cram prepare made");
  addBackendOptions(addRecipeOptions(command))
    .option("--budget <time>", 'how long to train: "90s", "5m", "24h", or "300steps"')
    .option("--out <folder>", "the run's folder; default: runs/ and the recipe with the date")
    .option("--init-from <folder>", "begin with the parameters of a run, an export, or a model from elsewhere")
    .option("--micro-batch <number>", "sequences of one pass through the model, or auto: as many as the memory holds")
    .addOption(
      suggest(
        new Option("--resume <run>", "continue an interrupted run, to the same bits as if it had not been interrupted"),
        "runs",
      ),
    )
    .option(
      "--from-step <step>",
      "with --resume: go back to the checkpoint of this step; what came after it is trained anew",
    )
    .option(
      "--extend <time>",
      'with --resume: add to the budget of a run, finished or not: "2h", "500steps"; its schedule is stretched from there on',
    )
    .option("--verify", "read all of the dataset first, not only the shards that changed since they were last read")
    .option("--tensorboard", "write event files for TensorBoard into the run's folder, too")
    .option(
      "--wandb [project]",
      "write an offline run for Weights & Biases into the run's folder, too; default: WANDB_PROJECT, or cramming",
    )
    .option(
      "--mlflow <uri>",
      "send parameters and curves to an MLflow tracking server, too; training never waits for it",
    )
    .option(
      "--mlflow-experiment <name>",
      "the experiment there; default: MLFLOW_EXPERIMENT_NAME, the run's own, or cramming",
    )
    .option(
      "--devices <number>",
      "train in so many processes of this machine, by mpirun: of the cpu they share its cores, of cuda each has a GPU; default: 1",
    )
    .addOption(
      new Option(
        "--sum <how>",
        "of several ranks: fast (default), or in-order, slower, with the same bits for any number of ranks",
      ).choices(["fast", "in-order"]),
    )
    .option(
      "--shard-optimizer",
      "of several ranks: each has the optimizer's states of some of the parameters, and updates these (ZeRO-1); the losses are the same",
    )
    .option(
      "--sync <how>",
      "every:H lets each process take H steps by itself before all are brought together, for slow networks (DiLoCo); without it every gradient is summed",
    )
    .option("--json", "print events as JSON lines and nothing else")
    .addHelpText(
      "after",
      `
What an MLflow server missed it gets at the end, or by the same --mlflow with --resume. It learns who asks from
MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.

What --wandb writes has the run from its first step on, with --resume too. wandb sync RUN/wandb/offline-run-* sends it.

The recipe is ${fallbackRecipe} unless --recipe names another. Ctrl-C ends the step, saves, and says how to resume.

Examples:
  cram pretrain --data data/mine --recipe crammed-bert --budget 24h --out runs/mine
  cram pretrain --data data/mine --recipe crammed-bert-small --set model.layers=6 --budget 10m
  cram pretrain --data data/other --recipe crammed-bert --init-from runs/mine --budget 2h
  cram pretrain --resume runs/mine
  cram pretrain --resume runs/mine --extend 2h
  cram pretrain --data data/mine --backend cuda --devices 8 --budget 24h
  cram pretrain --data data/mine --budget 24h --mlflow http://127.0.0.1:5000 --mlflow-experiment mine

Next: cram fill runs/mine "Paris is the [MASK] of France."
      cram report runs/mine
      cram dashboard runs          all runs while they train`,
    )
    .action(pretrain);
}

async function pretrain(flags: PretrainFlags): Promise<void> {
  const json = flags.json === true;
  const devices = flags.devices === undefined ? undefined : parseCount("--devices", flags.devices, 1, 1024);
  const { sum, shardOptimizer } = flags;
  const readFlags = () => ({ mlflow: chooseServer(flags), wandb: chooseProject(flags), plan: planRun(flags) });
  const check = (ranks: Parameters<typeof checkRanks>[1]) => {
    const { plan } = readFlags();
    checkRanks(plan.recipe, ranks);
    checkFit(readManifest(plan.data), plan.recipe);
  };
  const run = flags.out ?? flags.resume;
  await withRanks(chooseBackend(flags), { sum, shardOptimizer, devices, run }, check, async (choice, rankChoice) => {
    const { mlflow, wandb, plan } = readFlags();
    for (const note of [describeThreads(choice), flags.resume && describeChange(flags.resume, choice)]) {
      if (note) printWarning(note);
    }
    if (!json) showStatus("checking the dataset");
    const train = (signal: AbortSignal) =>
      withRun(plan, { ...choice, signal, onProgress: json ? undefined : showStatus }, async open => {
        const { run, recipe } = open;
        if (!json) {
          const sizes = `micro-batches of ${recipe.train.microBatchSequences}`;
          print(`${run}: recipe ${recipe.name}, budget ${recipe.train.budget}, ${sizes}, dataset ${plan.data}`);
          if (rankChoice !== undefined) print(describeRanks(rankChoice));
          if (plan.isNew) printExample(open.dataset, recipe);
          showStatus("compiling");
        }
        const isFilled = findHeadFault(recipe) === undefined;
        const { tensorboard } = flags;
        const shown = { json, signal, tensorboard, wandb, mlflow, rankChoice, resumeWords: listResumeWords(flags) };
        return { run, isFilled, end: await trainRun(open, shown) };
      });
    const trained = await stopOnSignals({
      // Who started the ranks says what a signal does.
      announcement: devices === undefined ? stopAnnouncement : undefined,
      unfinished: plan.isNew
        ? nothingTrained
        : `stopped before a step: nothing more of ${plan.run} is trained; the same command goes on with it`,
      warn: printWarning,
      work: train,
    });
    if (json || trained?.end.reason !== "budget") return;
    const { run, isFilled, end } = trained;
    if (end.step === 0) {
      const more = quoteOwnCommand("pretrain", "--resume", run, "--extend", "10m", ...listResumeWords(flags));
      print(`the budget was spent before the first step, and nothing is trained; more of it: ${more}`);
      return;
    }
    const own = listGiven(flags, ["--backend", "--device"]);
    const next = [...(isFilled ? [["fill", run, "… [MASK] …", ...own]] : []), ["report", run]];
    for (const [i, words] of next.entries()) print(`${i === 0 ? "next: " : "      "}${quoteOwnCommand(...words)}`);
  });
}

/**
 * What a person has to say again where a run goes on: how ranks share it, and who else is told of it. A run that was resumed remembers what
 * it began on, and not what it was resumed on.
 */
export function listResumeWords(flags: PretrainFlags): string[] {
  const always = [
    "--devices",
    "--sum",
    "--shard-optimizer",
    "--tensorboard",
    "--mlflow",
    "--mlflow-experiment",
    "--wandb",
  ];
  const ofResumed = flags.resume === undefined ? [] : ["--data", "--backend", "--threads", "--device"];
  return listGiven(flags, [...ofResumed, ...always]);
}

/** Says that a run goes on with other bits than it would have on what it began on. */
function describeChange(run: string, { backend, threads, device, ranks }: RunChoice): string | undefined {
  const own = readRunDevice(run);
  const isSame =
    (backend ?? own.backend) === own.backend &&
    (own.threads === undefined || (threads ?? own.threads) === own.threads) &&
    (device ?? own.device) === own.device &&
    ranks === own.ranks;
  if (isSame) return undefined;
  const threadsThen = own.threads === undefined ? "" : `, ${countOf(own.threads, "thread")}`;
  const began = `${own.backend}${threadsThen}${own.device === undefined ? "" : `, device ${own.device}`}${own.ranks === undefined ? "" : `, ${countOf(own.ranks, "rank")}`}`;
  return `the run began on ${began}; on what was asked for now its bits are others`;
}

function chooseServer({ mlflow: uri, mlflowExperiment }: PretrainFlags) {
  if (uri !== undefined)
    return { uri: checkTrackingUri(uri), experiment: mlflowExperiment ?? process.env.MLFLOW_EXPERIMENT_NAME };
  if (mlflowExperiment === undefined) return undefined;
  throw new UserError("E_OPTION", "--mlflow-experiment without a server", "Give --mlflow, the server's address.");
}

function chooseProject({ wandb }: PretrainFlags) {
  if (wandb === undefined) return undefined;
  return { project: checkWandbProject((wandb === true ? process.env.WANDB_PROJECT : wandb) || "cramming") };
}

/** A run's recipe and data are its own: what would change them is refused. */
function planRun(flags: PretrainFlags): RunPlan {
  const { resume, data } = flags;
  if (resume === undefined) {
    if (flags.fromStep !== undefined) {
      throw new UserError("E_OPTION", "--from-step without a run to resume", "Give --resume, the run's folder.");
    }
    if (flags.extend !== undefined) {
      throw new UserError(
        "E_OPTION",
        "--extend without a run to resume",
        "Give --resume, or a --budget for a new run.",
      );
    }
    const microBatch = parseMicroBatch(flags.microBatch);
    const set = [...flags.set, ...readSync(flags.sync)];
    if (data !== undefined) return planNewRun({ ...flags, data, microBatch, set });
    throw new UserError("E_OPTION", "no dataset given", "Give --data, a folder that cram prepare made, or --resume.");
  }
  const refused = [
    ["--recipe", flags.recipe],
    ["--set", flags.set[0]],
    ["--budget", flags.budget],
    ["--out", flags.out],
    ["--init-from", flags.initFrom],
    ["--micro-batch", flags.microBatch],
    ["--sync", flags.sync],
  ].find(([, value]) => value !== undefined);
  if (refused === undefined) {
    return planResumedRun({
      resume,
      data,
      fromStep: parseStep(flags.fromStep),
      extend: flags.extend,
      verify: flags.verify,
    });
  }
  throw new UserError(
    "E_OPTION",
    `${refused[0]} cannot change a run that is resumed`,
    refused[0] === "--budget"
      ? "Add to its budget with --extend, or begin a new run."
      : "Resume it as it is, or begin a new run.",
  );
}

/** A run may have saved before its first step. */
function parseStep(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseCount("--from-step", text, 0);
}

/** --sync as --set takes it. */
function readSync(text: string | undefined): string[] {
  if (text === undefined) return [];
  const [, steps] = /^every:(.*)$/.exec(text) ?? [];
  const why = steps === undefined ? "not of the form every:H" : explainCount(steps, 1, Number.MAX_SAFE_INTEGER);
  if (why === undefined) return [`train.sync.everySteps=${Number(steps)}`];
  throw refuseValue("--sync", text, why, "every:H with a whole number from 1 for H", "every:50");
}

function parseMicroBatch(text: string | undefined): number | "auto" | undefined {
  return text === undefined || text === "auto" ? text : parseCount("--micro-batch", text);
}

const exampleCharacters = 90;

/** The beginning of a row of training data as the model sees it: the masks, and the tokens to be predicted. */
export function printExample(dataset: Dataset, recipe: Recipe): void {
  const batch = readTrainingBatch(dataset, recipe, 0, 1, 0);
  const { tokenizer } = dataset;
  const printStart = (title: string, text: string) => {
    const characters = [...text];
    const more = characters.length > exampleCharacters ? " …" : "";
    print(`${colour("dim", title)} ${characters.slice(0, exampleCharacters).join("")}${more}`);
  };
  printStart("the first sequence, masked:", decodeTokens(tokenizer, batch.tokens));
  printStart(
    "to be predicted:",
    [...batch.labels]
      .filter(label => label >= 0)
      .map(label => tokenizer.vocabulary[label])
      .join(" "),
  );
}
