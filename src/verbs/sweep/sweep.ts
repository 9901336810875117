// Trials one after another, whoever else works on the same folder: a trial is claimed by its lock, its training goes on where it was
// interrupted, and its result is written once. Killed at any moment, the same call ends with the same table.

import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type Claim, silentSeconds } from "../../base/files/claim.ts";
import { makeFolder, readJson, writeFileAtomically } from "../../base/files/files.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { watchBeats } from "../../base/files/folder-lock.ts";
import type { TrainingEvent } from "../../events/event.ts";
import { type Compared, compareVariations, type Measure, measureOf } from "../../sweep/comparison.ts";
import { type Job, listJobs, listShares, measureLeft, measureReached } from "../../sweep/halving.ts";
import { checkWrittenSweep, type Sweep, type WrittenSweep } from "../../sweep/sweep.ts";
import { formatCsv, formatLatex, formatMarkdown } from "../../sweep/sweep-table.ts";
import {
  latestOf,
  listOtherTrials,
  nameRung,
  readTrialRecord,
  resultFile,
  type Trial,
  type TrialRecord,
  type TrialResult,
  writeTrialResult,
} from "../../sweep/trial.ts";
import type { BackendChoice } from "../backend.ts";
import { isRecipeFile } from "../recipe-files.ts";
import { claimTrial } from "./claim.ts";
import { type PlannedTrial, planTrials, readTotal, type TrialOptions } from "./plan-trials.ts";
import { type RunOptions, runTrial } from "./run-trial.ts";
import { slurmScript } from "./slurm.ts";

export interface SweepOptions extends BackendChoice, TrialOptions {
  /** Ends after the step under way. */
  readonly signal?: AbortSignal | undefined;
  /** Told also the share of the trial's budget at which halving stopped it before, of which it goes on. */
  readonly onTrial?: ((trial: Trial, progress: SweepProgress, stoppedAt: number) => void) | undefined;
  readonly onEvent?: ((trial: Trial, event: TrainingEvent) => void) | undefined;
  readonly onResult?: ((trial: Trial, result: TrialResult) => void) | undefined;
  /** Told before the first trial what a person should know beforehand. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Called when all that is left is trained by others. */
  readonly onWait?: ((progress: SweepProgress) => void) | undefined;
  /** After how long a worker on another machine that does not stir is taken for dead. */
  readonly silentSeconds?: number | undefined;
}

export interface SweepProgress {
  /** Trials that have ended, whoever trained them, and all. */
  readonly done: number;
  readonly count: number;
  /** Of those that have not, how many halving has stopped at a rung, from which some go on. */
  readonly stoppedAtRung: number;
  /** Budgets of a trial that are spent, and about how many are still to be. */
  readonly spent: number;
  readonly left: number;
}

export interface Swept extends SweepProgress {
  /** A row a variation. */
  readonly compared: readonly Compared[];
  /** Of every trial that has one. */
  readonly results: readonly TrialResult[];
  /** Trials that halving or the total left where they are. */
  readonly stopped: number;
}

const secondsBetweenLooks = 1;

/**
 * Trains every trial that is to be trained and that nobody else trains, waits for those of others, and compares what is known then. Every
 * recipe is checked before the first is trained. UserErrors: E_SWEEP, E_SWEEP_CHANGED, E_HELD_OUT, E_BITS, those of choosing recipes
 * and of training.
 */
export async function sweep(asked: Sweep, options: SweepOptions): Promise<Swept> {
  const { out, signal = new AbortController().signal } = options;
  checkOutput(out, "a sweep", sweepNames);
  const total = readTotal(asked);
  makeFolder(out);
  const { trials, likeBase, warnings, text } = planTrials(asked, options, true);
  const measure = measureOf(asked);
  for (const warning of [...warnings, ...describeOthers(out, trials)]) options.onWarning?.(warning);
  // All are looked at first: another recipe in the folder is told before the sweep there is another one.
  let records = readRecords(trials);
  writeFileAtomically(
    join(out, sweepFile),
    `${JSON.stringify({ ...completeSweep(asked, options), likeBase }, undefined, 2)}\n`,
  );
  const shares = listShares(asked.halving);
  const isSilent = watchBeats(options.silentSeconds ?? silentSeconds);
  let isOver = false;
  while (!signal.aborted) {
    const jobs = listJobs(records.map(describeStanding), asked.halving);
    isOver = jobs.length === 0 || sumSeconds(records) >= total;
    if (isOver) break;
    const claimed = claimFirst(jobs, trials, isSilent);
    if (claimed === undefined) {
      options.onWait?.(measureProgress(records, asked.halving));
      await setTimeout(1000 * secondsBetweenLooks, undefined, { signal }).catch(() => undefined);
    } else {
      try {
        const isGoingOn = await doJob(
          claimed,
          shares,
          trials,
          { ...options, signal, text },
          measureProgress(records, asked.halving),
        );
        if (!isGoingOn) break;
      } finally {
        claimed.claim.release();
      }
      writeTables(out, compare(trials, readRecords(trials), measure));
    }
    records = readRecords(trials);
  }
  const compared = compare(trials, records, measure);
  if (records.some(({ rungs, result }) => rungs.length > 0 || result !== undefined)) writeTables(out, compared);
  const progress = measureProgress(records, asked.halving);
  const results = records.flatMap(({ result }) => result ?? []);
  return { compared, results, ...progress, stopped: isOver ? progress.count - progress.done : 0 };
}

/** Settings with the dataset and all paths absolute, so that a worker in any folder finds them. */
function completeSweep(asked: Sweep, options: SweepOptions): Sweep {
  const data = asked.data ?? options.data;
  return {
    ...asked,
    recipe: resolveRecipeFile(asked.recipe),
    ...(data !== undefined && { data: resolve(data) }),
    ...(asked.heldOut !== undefined && { heldOut: resolve(asked.heldOut) }),
    ...(asked.heldOutText !== undefined && { heldOutText: resolve(asked.heldOutText) }),
    variations: Object.fromEntries(
      Object.entries(asked.variations).map(([name, changed]) => [
        name,
        Array.isArray(changed)
          ? changed
          : {
              ...changed,
              ...(changed.data !== undefined && { data: resolve(changed.data) }),
              ...(changed.recipe !== undefined && { recipe: resolveRecipeFile(changed.recipe) }),
            },
      ]),
    ),
  };
}

const resolveRecipeFile = (recipe: string) => (isRecipeFile(recipe) ? resolve(recipe) : recipe);

interface ClaimedJob extends Job {
  readonly claim: Claim;
}

function claimFirst(
  jobs: readonly Job[],
  trials: readonly PlannedTrial[],
  isSilent: Parameters<typeof claimTrial>[2],
): ClaimedJob | undefined {
  for (const job of jobs) {
    const { folder, plan } = trials[job.trial]!;
    const claim = claimTrial(folder, plan.run, isSilent);
    if (claim !== undefined) return { ...job, claim };
  }
  return undefined;
}

/** Whether the sweep goes on. */
async function doJob(
  { trial: number, rung, claim }: ClaimedJob,
  shares: readonly number[],
  trials: readonly PlannedTrial[],
  options: SweepOptions & Pick<RunOptions, "signal" | "text">,
  progress: SweepProgress,
): Promise<boolean> {
  const trial = trials[number]!;
  // Who held it before may have finished it meanwhile.
  const { rungs, result: known } = readTrialRecord(trial, trial);
  if (known !== undefined || rungs.length > rung) return true;
  options.onTrial?.(trial, progress, shares[rung - 1] ?? 0);
  const { backend, threads, device, signal, text } = options;
  const result = await runTrial(trial, shares[rung]!, {
    ...{ backend, threads, device, text },
    signal: AbortSignal.any([signal, claim.lost]),
    onEvent: event => options.onEvent?.(trial, event),
  });
  // Another works on a trial whose claim was lost.
  if (claim.lost.aborted) return true;
  if (result === undefined) return false;
  const isRung = result.rungLoss !== undefined;
  writeTrialResult(trial, isRung ? nameRung(rung) : resultFile, result);
  options.onResult?.(trial, result);
  return true;
}

/** A sentence, where the folder has results of a sweep before that this one does not ask for: they would be missed in its table. */
function describeOthers(out: string, trials: readonly PlannedTrial[]): string[] {
  const seeds = new Map<string, number[]>();
  for (const { variation, seed } of listOtherTrials(out, trials)) {
    seeds.set(
      variation,
      [...(seeds.get(variation) ?? []), seed].sort((a, b) => a - b),
    );
  }
  const asked = new Set(trials.map(({ variation }) => variation));
  const gone = [...seeds.keys()].filter(variation => !asked.has(variation));
  const fewer = [...seeds].filter(([variation]) => asked.has(variation));
  const others = [...gone, ...fewer.map(([variation, list]) => `${variation} with seed ${list.join(", ")}`)];
  if (others.length === 0) return [];
  return [
    `${out} has results that this sweep does not ask for, and its tables are without them: ${others.join("; ")}; their trials stay, and a sweep that asks for them has them again`,
  ];
}

const sweepFile = "sweep.json";
/** What a sweep's folder consists of. */
const sweepNames = ["trials", "data", "table.md", "table.csv", "table.tex", sweepFile, slurmScript];

/** The sweep that a folder was begun with, its dataset named. Errors: those of reading, E_RECIPE_KEY, E_RECIPE_VALUE. */
export function readSweep(folder: string): WrittenSweep {
  const path = join(folder, sweepFile);
  return checkWrittenSweep(readJson(path, "sweep"), path);
}

const readRecords = (trials: readonly PlannedTrial[]) => trials.map(trial => readTrialRecord(trial, trial));

function measureProgress(records: readonly TrialRecord[], halving: Sweep["halving"]): SweepProgress {
  const standings = records.map(describeStanding);
  return {
    done: records.filter(({ result }) => result !== undefined).length,
    count: records.length,
    stoppedAtRung: records.filter(({ rungs, result }) => rungs.length > 0 && result === undefined).length,
    spent: standings.reduce((sum, standing) => sum + measureReached(standing, halving), 0),
    left: measureLeft(standings, halving),
  };
}

const sumSeconds = (records: readonly TrialRecord[]) =>
  records.reduce((sum, record) => sum + (latestOf(record)?.elapsedSeconds ?? 0), 0);

function describeStanding({ rungs, result }: TrialRecord) {
  const ended = result?.validationLoss === undefined ? [] : [result.validationLoss];
  return {
    losses: [...rungs.map(({ rungLoss }) => rungLoss!), ...ended],
    failed: result !== undefined && ended.length === 0,
  };
}

const compare = (trials: readonly PlannedTrial[], records: readonly TrialRecord[], measure: Measure) =>
  compareVariations(
    [...new Set(trials.map(({ variation }) => variation))],
    records.flatMap(record => latestOf(record) ?? []),
    measure,
  );

function writeTables(folder: string, compared: readonly Compared[]): void {
  writeFileAtomically(join(folder, "table.md"), formatMarkdown(compared));
  writeFileAtomically(join(folder, "table.csv"), formatCsv(compared));
  writeFileAtomically(join(folder, "table.tex"), formatLatex(compared));
}
