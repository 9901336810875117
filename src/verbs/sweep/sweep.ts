// Trials one after another, whoever else works on the same folder: a trial is claimed by its lock, its training goes on where it was
// interrupted, and its result is written once. Killed at any moment, the same call ends with the same table.

import { join, resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import { makeFolder, readJson, writeFileAtomically } from "../../base/files/files.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { lockFolder } from "../../base/files/folder-lock.ts";
import { readManifest } from "../../dataset/manifest.ts";
import type { TrainingEvent } from "../../events/event.ts";
import { readEvents } from "../../events/event-reader.ts";
import { type Compared, compareVariations } from "../../sweep/comparison.ts";
import { checkSweep, listVariations, type Sweep, type Variation } from "../../sweep/sweep.ts";
import { formatCsv, formatLatex, formatMarkdown } from "../../sweep/sweep-table.ts";
import { listTrials, readTrialResult, type Trial, type TrialResult, writeTrialResult } from "../../sweep/trial.ts";
import { hasBegun, hashRecipe } from "../../train/run-folder.ts";
import type { BackendChoice } from "../backend.ts";
import { pretrain } from "../pretrain/pretrain.ts";
import { planNewRun, type RunPlan } from "../pretrain/run-plan.ts";

export interface SweepOptions extends BackendChoice {
  /** Its own dataset counts before this one. */
  readonly data?: string | undefined;
  /** The sweep's folder: trials/, and table.md, table.csv, table.tex of what is known. */
  readonly out: string;
  readonly onTrial?: ((trial: Trial, number: number, count: number) => void) | undefined;
  readonly onEvent?: ((trial: Trial, event: TrainingEvent) => void) | undefined;
  readonly onResult?: ((trial: Trial, result: TrialResult) => void) | undefined;
}

export interface Swept {
  /** A row a variation. */
  readonly compared: readonly Compared[];
  /** Trials with a result, and all. */
  readonly done: number;
  readonly count: number;
}

/** Errors that are of what was tried: they are results. Others, of the machine or of what was asked for, end the sweep. */
const ofTheTrial = ["E_DIVERGED", "E_MEMORY", "E_CUDA_MEMORY"];

interface PlannedTrial extends Trial {
  readonly plan: RunPlan;
  readonly recipe: string;
  readonly dataset: string;
}

/**
 * Trains every trial that has no result and that nobody else trains, and compares what is known then. Every recipe is checked before
 * the first is trained. UserErrors: E_SWEEP, E_SWEEP_CHANGED, those of choosing recipes and of training.
 */
export async function sweep(asked: Sweep, options: SweepOptions): Promise<Swept> {
  checkOutput(options.out, "a sweep", sweepNames);
  const variations = listVariations(asked);
  const trials = variations.flatMap(variation => planTrials(asked, variation, options));
  makeFolder(options.out);
  const data = asked.data ?? options.data;
  const stored = { ...asked, ...(data !== undefined && { data: resolve(data) }) };
  writeFileAtomically(join(options.out, sweepFile), `${JSON.stringify(stored, undefined, 2)}\n`);
  // All are looked at first: another recipe in the folder is told before hours of training.
  let results = readResults(trials);
  for (const [i, trial] of trials.entries()) {
    if (options.signal?.aborted === true) break;
    if (readTrialResult(trial, trial) !== undefined) continue;
    const claim = claimTrial(trial);
    if (claim === undefined) continue;
    try {
      // Who held it before may have finished it meanwhile.
      if (readTrialResult(trial, trial) !== undefined) continue;
      options.onTrial?.(trial, i + 1, trials.length);
      const result = await runTrial(trial, options);
      if (result === undefined) break;
      writeTrialResult(trial, result);
      options.onResult?.(trial, result);
    } finally {
      claim.release();
    }
    results = readResults(trials);
    writeTables(options.out, compare(variations, results));
  }
  const compared = compare(variations, results);
  if (results.length > 0) writeTables(options.out, compared);
  return { compared, done: results.length, count: trials.length };
}

const sweepFile = "sweep.json";
/** What a sweep's folder consists of. */
const sweepNames = ["trials", "table.md", "table.csv", "table.tex", sweepFile];

/** The sweep that a folder was begun with, its dataset named. Errors: those of reading, E_RECIPE_KEY, E_RECIPE_VALUE. */
export function readSweep(folder: string): Sweep {
  const path = join(folder, sweepFile);
  return checkSweep(readJson(path, "sweep"), path);
}

function planTrials(asked: Sweep, variation: Variation, options: SweepOptions): PlannedTrial[] {
  const data = variation.data ?? asked.data ?? options.data;
  if (data === undefined) {
    throw new UserError("E_SWEEP", "no dataset: the sweep names none", "Give --data, a folder that cram prepare made.");
  }
  const dataset = readManifest(data).documentsHash;
  return listTrials(options.out, variation, asked.seeds).map(trial => {
    const plan = planNewRun({
      data,
      out: join(trial.folder, "run"),
      recipe: variation.recipe ?? asked.recipe,
      set: [...asked.set, ...variation.set, `train.seed=${trial.seed}`],
      budget: asked.budget,
    });
    return { ...trial, plan, recipe: hashRecipe(plan.recipe), dataset };
  });
}

function readResults(trials: readonly PlannedTrial[]): TrialResult[] {
  return trials.flatMap(trial => readTrialResult(trial, trial) ?? []);
}

const compare = (variations: readonly Variation[], results: readonly TrialResult[]) =>
  compareVariations(
    variations.map(({ name }) => name),
    results,
  );

/** Undefined where another process has it. */
function claimTrial({ folder }: Trial) {
  try {
    return lockFolder(folder, "sweep");
  } catch (error) {
    if (error instanceof UserError && error.code === "E_FOLDER_BUSY") return undefined;
    throw error;
  }
}

/** Undefined where it was stopped before its end. */
async function runTrial(trial: PlannedTrial, options: SweepOptions): Promise<TrialResult | undefined> {
  const { plan, recipe, dataset, variation, seed } = trial;
  const { backend, threads, device, signal } = options;
  const common = {
    backend,
    threads,
    device,
    signal,
    onEvent: (event: TrainingEvent) => options.onEvent?.(trial, event),
  };
  // A folder alone is what one leaves that was killed before its run was begun.
  const begun = hasBegun(plan.run);
  let failure: UserError | undefined;
  try {
    if (begun) await pretrain({ ...common, resume: plan.run, data: plan.data });
    else await pretrain({ ...common, data: plan.data, out: plan.run, recipe: plan.recipe });
  } catch (error) {
    if (signal?.aborted === true && (error as Error).name === "AbortError") return undefined;
    if (!(error instanceof UserError) || !ofTheTrial.includes(error.code)) throw error;
    failure = error;
  }
  const events = readEvents(join(plan.run, "events.jsonl"));
  const last = <Kind extends TrainingEvent["kind"]>(kind: Kind) =>
    events.findLast((event): event is Extract<TrainingEvent, { kind: Kind }> => event.kind === kind);
  const end = last("end");
  if (failure === undefined && end?.reason !== "budget") return undefined;
  const reached = end ?? last("step");
  return {
    ...{ variation, seed, recipe, dataset },
    reason: failure?.code ?? "budget",
    ...(failure !== undefined && { message: failure.message }),
    ...(failure === undefined && { validationLoss: last("validation")!.loss }),
    steps: reached?.step ?? 0,
    tokens: reached?.tokens ?? 0,
    elapsedSeconds: reached?.elapsedSeconds ?? 0,
  };
}

function writeTables(folder: string, compared: readonly Compared[]): void {
  writeFileAtomically(join(folder, "table.md"), formatMarkdown(compared));
  writeFileAtomically(join(folder, "table.csv"), formatCsv(compared));
  writeFileAtomically(join(folder, "table.tex"), formatLatex(compared));
}
