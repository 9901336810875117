// A ladder of sizes, trained, and the law of its losses. Each budget is a sweep in the ladder's folder, which goes on where it was
// stopped. The law of all but the largest size is stored before that is trained, so that what it says of it is a prediction.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, writeFileAtomically } from "../../base/files/files.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { readManifest } from "../../dataset/manifest.ts";
import { type Fit, fitLaw, lawValues } from "../../scaling/fit-law.ts";
import { type LadderTraining, type LawFile, readLawFile, writeLawFile } from "../../scaling/law-file.ts";
import { predictInterval, resampleLaw } from "../../scaling/loss-interval.ts";
import type { Measurement } from "../../scaling/scaling-law.ts";
import type { TrialResult } from "../../sweep/trial.ts";
import { parseBudget } from "../../train/budget.ts";
import { hashRecipe } from "../../train/run-folder.ts";
import type { BackendChoice } from "../backend.ts";
import { type SweepOptions, sweep } from "../sweep/sweep.ts";
import { type Ladder, type LadderChoice, type LadderSize, makeLadder } from "./ladder.ts";
import { lawName } from "./law-stretch.ts";
import { readCurves } from "./read-curves.ts";
import { writeScalePage } from "./scale-page.ts";

export interface ScaleOptions extends LadderChoice, BackendChoice {
  /** A dataset that prepare made. */
  readonly data: string;
  /** The ladder's folder: sweeps/, law.json, scale.html. */
  readonly out: string;
  /** Of the law, for intervals. Default 200. */
  readonly resamples?: number | undefined;
  readonly onTrial?: ((trial: LadderTrial) => void) | undefined;
  readonly onEvent?: SweepOptions["onEvent"];
  readonly onResult?: ((trial: LadderTrial, result: TrialResult) => void) | undefined;
}

export interface LadderTrial {
  readonly size: string;
  readonly budget: string;
  readonly seed: number;
  /** Of all trials of the ladder. */
  readonly number: number;
  readonly count: number;
  /** Of the arithmetic of all trials of the ladder, what is done before this one, 0 to 1; of budgets in seconds, of the time. */
  readonly shareBefore: number;
  /** Of this one. */
  readonly share: number;
}

export interface Scaled {
  readonly done: number;
  readonly count: number;
  /** Of those done, how many came apart. */
  readonly failed: number;
  /** Undefined where too little is trained yet. */
  readonly law: LawFile | undefined;
  /** Undefined with the law. */
  readonly page: string | undefined;
}

const askedFile = "scale.json";
const beforeFile = "before.json";
const pageFile = "scale.html";

/**
 * Trains what of the ladder has no result yet, and fits the law to what is there.
 * UserErrors: E_SCALE, E_SWEEP_CHANGED, those of choosing recipes and of training.
 */
export async function scale(options: ScaleOptions): Promise<Scaled> {
  const { out, data, seeds = [0], resamples } = options;
  checkOutput(out, "a ladder", [askedFile, lawName, beforeFile, pageFile, "sweeps"]);
  const ladder = makeLadder(options);
  const dataset = readManifest(data).documentsHash;
  makeFolder(out);
  const asked = { recipe: hashRecipe(ladder.recipe), dataset, sizes: ladder.sizes.map(({ name }) => name) };
  writeFileAtomically(
    join(out, askedFile),
    `${JSON.stringify({ ...asked, budgets: ladder.budgets, seeds }, undefined, 2)}\n`,
  );
  const count = ladder.sizes.length * ladder.budgets.length * seeds.length;
  const largest = ladder.sizes.at(-1)!;
  const smaller = ladder.sizes.slice(0, -1);
  const results: Results = new Map();
  const progress = followProgress(ladder, seeds);
  const train = async (sizes: readonly LadderSize[]) => {
    for (const budget of ladder.budgets) {
      const swept = await trainBudget(ladder, sizes, budget, { options, progress, results });
      if (swept < sizes.length * seeds.length) return false;
    }
    return true;
  };
  const beforePath = join(out, beforeFile);
  let isWhole = await train(smaller);
  if (isWhole && !existsSync(beforePath) && countPairs(results, largest.name) > lawValues) {
    const isBefore = ![...results.values()].flat().some(({ variation }) => variation === largest.name);
    if (isBefore) writeLawFile(beforePath, fitResults(ladder, results, { dataset, resamples, without: largest.name }));
  }
  if (isWhole) isWhole = await train(ladder.sizes);
  const ended = [...results.values()].flat();
  const done = ended.length;
  const failed = ended.filter(({ validationLoss }) => validationLoss === undefined).length;
  if (countPairs(results) <= lawValues) return { done, failed, count, law: undefined, page: undefined };
  const fitted = fitResults(ladder, results, { dataset, resamples });
  const heldOut = isWhole
    ? compareLargest(fitted, largest, existsSync(beforePath) ? readLawFile(beforePath) : undefined)
    : undefined;
  writeLawFile(join(out, lawName), { ...fitted, ...(heldOut !== undefined && { heldOut }) });
  const law = readLawFile(join(out, lawName));
  const page = join(out, pageFile);
  writeScalePage(
    page,
    law,
    readCurves(law, budget => join(out, "sweeps", budget)),
  );
  return { done, failed, count, law, page };
}

/** By budget. */
type Results = Map<string, TrialResult[]>;

interface Work {
  readonly options: ScaleOptions;
  readonly progress: Progress;
  readonly results: Results;
}

/** Trains the sizes at one budget; the number of trials with a result. */
async function trainBudget(
  ladder: Ladder,
  sizes: readonly LadderSize[],
  budget: string,
  { options, progress, results }: Work,
): Promise<number> {
  const { backend, threads, device, signal, onTrial, onEvent, onResult } = options;
  let current: LadderTrial | undefined;
  const swept = await sweep(ladder.makeSweep(sizes, budget), {
    ...{ backend, threads, device, signal, onEvent, data: options.data },
    out: join(options.out, "sweeps", budget),
    onTrial: ({ variation, seed }) => {
      current = { size: variation, budget, seed, ...progress.begin(variation, budget, seed) };
      onTrial?.(current);
    },
    onResult: (_, result) => onResult?.(current!, result),
  });
  results.set(budget, [...swept.results]);
  return swept.results.length;
}

interface Progress {
  begin(size: string, budget: string, seed: number): Pick<LadderTrial, "number" | "count" | "shareBefore" | "share">;
}

/** Trials in the order in which they are trained; those with results are passed over. */
function followProgress({ sizes, budgets }: Ladder, seeds: readonly number[]): Progress {
  const order = [sizes.slice(0, -1), sizes.slice(-1)].flatMap(part =>
    budgets.flatMap(budget =>
      part.flatMap(({ name, flopsPerToken }) =>
        seeds.map(seed => {
          const { kind, ...amount } = parseBudget(budget);
          const [units] = Object.values(amount) as [number];
          return { key: `${name} ${budget} ${seed}`, weight: kind === "seconds" ? units : units * flopsPerToken };
        }),
      ),
    ),
  );
  const total = order.reduce((sum, { weight }) => sum + weight, 0);
  return {
    begin: (size, budget, seed) => {
      const at = order.findIndex(({ key }) => key === `${size} ${budget} ${seed}`);
      const shareOf = (end: number) => order.slice(0, end).reduce((sum, { weight }) => sum + weight, 0) / total;
      return { number: at + 1, count: order.length, shareBefore: shareOf(at), share: shareOf(at + 1) - shareOf(at) };
    },
  };
}

/** Sizes and budgets with a loss, one size left out. */
const countPairs = (results: Results, without?: string) =>
  [...results].reduce((sum, [, each]) => {
    const ended = each.filter(({ variation, validationLoss }) => variation !== without && validationLoss !== undefined);
    return sum + new Set(ended.map(({ variation }) => variation)).size;
  }, 0);

/** A law of the mean of the seeds of each size and budget, one size left out. */
function fitResults(
  { recipe, sizes }: Ladder,
  results: Results,
  { dataset, resamples, without }: { dataset: string; resamples: number | undefined; without?: string },
): Omit<LawFile, "format" | "version"> {
  const all = [...results].flatMap(([budget, each]) => each.map(result => ({ budget, ...result })));
  const own = all.filter(({ variation }) => variation !== without);
  const trainings = own.flatMap(
    ({ budget, variation: size, validationLoss: loss, seed, tokens, steps, elapsedSeconds }) =>
      loss === undefined ? [] : [{ size, budget, seed, loss, tokens, steps, elapsedSeconds }],
  );
  const kept = sizes.filter(({ name }) => trainings.some(({ size }) => size === name));
  const measured = averageSeeds(trainings, kept);
  const fit = fitLaw(measured);
  return {
    recipe,
    dataset,
    sizes: kept.map(({ name, parameters, flopsPerToken }) => ({ name, parameters, flopsPerToken })),
    trainings,
    failed: own.length - trainings.length,
    law: fit.law,
    objective: fit.objective,
    resampled: resampleLaw(measured, fit, resamples),
  };
}

/** Of each size and budget the mean of its seeds: they share what the law leaves out. */
function averageSeeds(trainings: readonly LadderTraining[], sizes: readonly LadderSize[]): Measurement[] {
  const keyOf = ({ size, budget }: LadderTraining) => `${size} ${budget}`;
  const groups = [...new Set(trainings.map(keyOf))].map(key => trainings.filter(each => keyOf(each) === key));
  const average = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  return groups.map(group => ({
    parameters: sizes.find(({ name }) => name === group[0]!.size)!.parameters,
    tokens: average(group.map(({ tokens }) => tokens)),
    loss: average(group.map(({ loss }) => loss)),
  }));
}

/** What the law of the others says of the largest: the one that was stored before it was trained, else one that leaves it out now. */
function compareLargest(
  fitted: Omit<LawFile, "format" | "version">,
  largest: LadderSize,
  before: LawFile | undefined,
): LawFile["heldOut"] {
  const sizes = fitted.sizes.map(size => ({ ...size, set: [] }));
  const others = averageSeeds(
    fitted.trainings.filter(({ size }) => size !== largest.name),
    sizes,
  );
  if (before === undefined && others.length <= lawValues) return undefined;
  const fit = before ?? fitLaw(others);
  const resampled = before?.resampled ?? resampleLaw(others, fit as Fit);
  const own = fitted.trainings.filter(({ size }) => size === largest.name);
  const budgets = [...new Set(own.map(({ budget }) => budget))].map(budget => {
    const [{ tokens, loss: measured }] = averageSeeds(
      own.filter(each => each.budget === budget),
      [largest],
    ) as [Measurement];
    const predicted = predictInterval(fit.law, resampled, { parameters: largest.parameters, tokens });
    return { budget, tokens, ...predicted, measured };
  });
  return { size: largest.name, wasBefore: before !== undefined, budgets };
}
