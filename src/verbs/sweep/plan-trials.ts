// The trials of a sweep, each with the run that it is: recipes are checked, and datasets are looked at, before the first is trained.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { graftHeldOut } from "../../dataset/graft-held-out.ts";
import { type DatasetManifest, readManifest } from "../../dataset/manifest.ts";
import { type HeldOutText, readHeldOutText } from "../../evaluate/bits/held-out-text.ts";
import { findHeadFault } from "../../objectives/objectives.ts";
import { listShares } from "../../sweep/halving.ts";
import { baseName, describeRepeats, listVariations, type Sweep, type Variation } from "../../sweep/sweep.ts";
import { listTrials, type Trial } from "../../sweep/trial.ts";
import { checkFit } from "../../train/batches.ts";
import { parseBudget } from "../../train/budget.ts";
import { hashRecipe } from "../../train/run-folder.ts";
import { planNewRun, type RunPlan } from "../pretrain/run-plan.ts";
import { checkScored } from "./score-run.ts";

export interface PlannedTrial extends Trial {
  readonly plan: RunPlan;
  /** Hashes, so that a result is of what was asked for. */
  readonly recipe: string;
  readonly dataset: string;
  /** Of the text that it is scored on. */
  readonly heldOutText: string | undefined;
}

export interface PlannedTrials {
  readonly trials: readonly PlannedTrial[];
  /** Variations that are the base by another name. */
  readonly likeBase: readonly string[];
  /** What a person should know beforehand, a sentence each. */
  readonly warnings: readonly string[];
  /** What all are scored on. */
  readonly text: HeldOutText | undefined;
}

export interface TrialOptions {
  /** The sweep's own dataset counts before this one. */
  readonly data?: string | undefined;
  /** The sweep's folder. */
  readonly out: string;
}

/**
 * All variations with the first seed, then with the next: a machine that grows slower does so for every variation, and a sweep that is
 * stopped has compared them all. One that changes nothing of the base is not trained again. Datasets with the held-out part of another are made in data/ of the sweep's folder, where `writes`.
 * UserErrors: E_SWEEP, E_HELD_OUT, E_BITS, those of choosing recipes and of datasets.
 */
export function planTrials(sweep: Sweep, options: TrialOptions, writes: boolean): PlannedTrials {
  if (sweep.budget !== undefined) parseBudget(sweep.budget, "budget");
  const text = sweep.heldOutText === undefined ? undefined : readHeldOutText(sweep.heldOutText, sweep.passages ?? 2000);
  const datasets = new Map<string, Dataset>();
  const planned = listVariations(sweep).flatMap(variation => {
    const data = chooseData(sweep, variation, options);
    const dataset = datasets.get(data) ?? readDataset(data, sweep, options, writes);
    datasets.set(data, dataset);
    const { manifest } = dataset;
    return listTrials(options.out, variation, sweep.seeds).map((trial): PlannedTrial => {
      const plan = planVariation(sweep, variation, trial, dataset);
      if (text !== undefined) checkHead(trial, plan);
      return { ...trial, plan, recipe: hashRecipe(plan.recipe), dataset: manifest.hash, heldOutText: text?.hash };
    });
  });
  const [base] = planned.filter(({ variation }) => variation === baseName);
  const likeBase = planned
    .filter(trial => trial !== base && trial.seed === base?.seed && isSame(trial, base))
    .map(({ variation }) => variation);
  const trials = sweep.seeds.flatMap(seed =>
    planned.filter(trial => trial.seed === seed && !likeBase.includes(trial.variation)),
  );
  // Halving compares losses.
  if (sweep.heldOut === undefined && (text === undefined || sweep.halving !== undefined)) checkHeldOut(datasets);
  if (text !== undefined) for (const { folder, manifest } of datasets.values()) checkScored(folder, manifest, text);
  checkRungs(sweep, trials);
  const unchecked = [...datasets].flatMap(([data, { isUnchecked }]) => (isUnchecked ? [describeUnchecked(data)] : []));
  const warnings = [...likeBase.map(describeLikeBase), ...unchecked, ...describeRepeats(sweep)];
  return { trials, likeBase, warnings, text };
}

/** Of a variation that is the base by another name. */
export const describeLikeBase = (variation: string) =>
  `${variation} is the recipe as it is: it stands in the table as base`;

/** UserErrors of choosing recipes and of datasets, which name the variation where it is not the base. */
function planVariation(sweep: Sweep, variation: Variation, trial: Trial, { folder, manifest }: Dataset): RunPlan {
  try {
    const plan = planNewRun({
      data: folder,
      out: join(trial.folder, "run"),
      recipe: variation.recipe ?? sweep.recipe,
      set: [...sweep.set, ...variation.set, `train.seed=${trial.seed}`],
      budget: sweep.budget,
    });
    checkFit(manifest, plan.recipe);
    return plan;
  } catch (error) {
    if (!(error instanceof UserError) || variation.name === baseName) throw error;
    const message = `the variation ${variation.name}: ${error.message}`;
    throw new UserError(error.code as `E_${string}`, message, error.advice, { cause: error });
  }
}

const describeUnchecked = (data: string) =>
  `heldOut: its sequences or documents are too short to tell whether they stand in what is trained on of ${data}; make sure of it`;

const isSame = (a: PlannedTrial, b: PlannedTrial) => a.recipe === b.recipe && a.dataset === b.dataset;

/** Seconds after which no trial is begun any more. UserErrors E_BUDGET, E_SWEEP. */
export function readTotal({ total }: Sweep): number {
  if (total === undefined) return Number.POSITIVE_INFINITY;
  const advice = 'Give a time, as "8h"; the budget of each trial may be in steps.';
  const budget = parseBudget(total, "total", advice);
  if (budget.kind === "seconds") return budget.seconds;
  throw new UserError("E_SWEEP", `total is ${total}`, advice);
}

interface Dataset {
  readonly folder: string;
  readonly manifest: DatasetManifest;
  /** For the held-out text among what is trained on. */
  readonly isUnchecked: boolean;
}

function chooseData(sweep: Sweep, variation: Variation, options: TrialOptions): string {
  const data = variation.data ?? sweep.data ?? options.data;
  if (data !== undefined) return data;
  throw new UserError("E_SWEEP", "no dataset: the sweep names none", "Give --data, a folder that cram prepare made.");
}

function readDataset(data: string, { heldOut }: Sweep, { out }: TrialOptions, writes: boolean): Dataset {
  const manifest = readManifest(data);
  const isOwn = heldOut === undefined || heldOutOf(manifest) === heldOutOf(readManifest(heldOut));
  if (isOwn) return { folder: data, manifest, isUnchecked: false };
  const folder = join(out, "data", manifest.hash);
  return { folder: writes ? folder : data, ...graftHeldOut(data, heldOut, writes ? folder : undefined) };
}

const heldOutOf = ({ tokenizerHash, validation }: DatasetManifest) =>
  JSON.stringify([tokenizerHash, validation.files.map(({ sha256 }) => sha256)]);

function checkHead({ variation }: Trial, { recipe }: RunPlan): void {
  const fault = findHeadFault(recipe);
  if (fault === undefined) return;
  throw new UserError("E_SWEEP", `heldOutText: ${variation} cannot be scored: ${fault}`, "Leave one of the two out.");
}

/** Losses on different texts, or of different tokens, are no comparison. */
function checkHeldOut(datasets: ReadonlyMap<string, Dataset>): void {
  const [first, ...others] = [...datasets];
  const other = others.find(([, { manifest }]) => heldOutOf(manifest) !== heldOutOf(first![1].manifest));
  if (other === undefined) return;
  throw new UserError(
    "E_SWEEP",
    `${other[0]} and ${first![0]} hold out different texts, or have different tokenizers`,
    'Prepare them with one tokenizer, and give "heldOut", the dataset whose held-out part is for all; or "heldOutText", a text that all are scored on in bits per byte.',
  );
}

/** A rung is reached at a validation. */
function checkRungs({ halving }: Sweep, trials: readonly PlannedTrial[]): void {
  if (halving === undefined) return;
  const { reduction, rungs } = halving;
  const needed = reduction ** (rungs - 1);
  if (trials.length < needed) {
    throw new UserError(
      "E_SWEEP",
      `halving goes on with one of ${reduction} at each of ${rungs - 1} rungs, and of ${countOf(trials.length, "trial")} none would reach its end`,
      `Give ${needed} trials or more, or halving fewer rungs or a smaller reduction.`,
    );
  }
  const least = Math.round(1 / listShares(halving)[0]!);
  const few = trials.find(({ plan }) => plan.recipe.train.validations % least !== 0);
  if (few === undefined) return;
  throw new UserError(
    "E_SWEEP",
    `halving stops trials at 1/${least} of their budget, and ${few.variation} is validated ${countOf(few.plan.recipe.train.validations, "time")}`,
    `Give "set": ["train.validations=${least}"], or a multiple.`,
  );
}
