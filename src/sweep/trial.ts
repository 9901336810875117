// A trial: one training of a variation with one seed, in a folder of its own, and its result, which is written once and never again.
// What came apart is a result as well, with its reason.

import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { contentHash, isPresent, listFolder, readJson, writeFileAtomically } from "../base/files/files.ts";
import { formatSealed, openSealed } from "../base/sealed-json.ts";
import type { Variation } from "./sweep.ts";

export interface Trial {
  readonly variation: string;
  readonly seed: number;
  /** The trial's folder, with its run in run/ and its result in result.json. */
  readonly folder: string;
}

const scoreSchema = z.strictObject({
  /** Of the passages. */
  heldOutText: z.string(),
  bitsPerByte: z.number(),
  /** Masked words that their tokens do not give back. */
  speltWords: z.int(),
});

export type TrialScore = z.infer<typeof scoreSchema>;

const resultSchema = z
  .strictObject({
    variation: z.string(),
    seed: z.int(),
    /** Of the recipe and the dataset, so that a result is of what was asked for. */
    recipe: z.string(),
    dataset: z.string(),
    /** What ended it: its budget, the code of the error, or where halving stopped it. */
    reason: z.string(),
    message: z.string().exactOptional(),
    /**
     * Of the last validation, in nats a predicted token, with averaged parameters where the recipe averages; absent where it came apart or
     * was stopped.
     */
    validationLoss: z.number().exactOptional(),
    /** The same where halving stopped it. */
    rungLoss: z.number().exactOptional(),
    /** At the end, where the sweep has a held-out text. */
    score: scoreSchema.exactOptional(),
    steps: z.int(),
    tokens: z.number(),
    elapsedSeconds: z.number(),
  })
  .refine(({ reason, validationLoss }) => reason !== "budget" || validationLoss !== undefined, "a loss at the end");

export type TrialResult = z.infer<typeof resultSchema>;

/** The trials of a variation in the sweep's folder. */
export function listTrials(folder: string, { name }: Variation, seeds: readonly number[]): Trial[] {
  // Names are settings, too; what no folder may be called is told apart by its hash.
  const plain = name.replace(/[^\w.=+-]+/g, "_").slice(0, 80);
  const isName = plain === name && !/^\.*$/.test(plain);
  const called = isName ? plain : `${plain}-${contentHash(name).slice(0, 6)}`;
  return seeds.map(seed => ({ variation: name, seed, folder: join(folder, "trials", called, `seed-${seed}`) }));
}

/** What is known of a trial: its losses at the rungs before the end, and how it ended. */
export interface TrialRecord {
  readonly rungs: readonly TrialResult[];
  readonly result: TrialResult | undefined;
}

/** Its end, or the last rung that it has reached. */
export const latestOf = ({ rungs, result }: TrialRecord): TrialResult | undefined => result ?? rungs.at(-1);

/** Of as many rungs as it has reached; what is not scored as wanted has not ended. UserErrors of reading, E_SWEEP_CHANGED where it is of another recipe or dataset than wanted. */
export function readTrialRecord(trial: Trial, wanted?: Wanted): TrialRecord {
  const rungs: TrialResult[] = [];
  for (;;) {
    const rung = readTrialResult(trial, nameRung(rungs.length), wanted);
    if (rung === undefined) break;
    rungs.push(rung);
  }
  return { rungs, result: readTrialResult(trial, resultFile, wanted) };
}

/** Trials that have a result in a sweep's folder and are none of these: of a sweep that asked for others. What is no result is passed over. */
export function listOtherTrials(folder: string, wanted: readonly Trial[]): Trial[] {
  const known = new Set(wanted.map(trial => trial.folder));
  const foldersIn = (path: string) =>
    listFolder(path, "sweep").flatMap(entry => (entry.isDirectory() ? [join(path, entry.name)] : []));
  return foldersIn(join(folder, "trials"))
    .flatMap(foldersIn)
    .filter(path => !known.has(path))
    .flatMap(path => {
      const result = readOtherResult(join(path, resultFile));
      return result === undefined ? [] : [{ variation: result.variation, seed: result.seed, folder: path }];
    });
}

function readOtherResult(path: string): TrialResult | undefined {
  try {
    return isPresent(path, "result") ? resultSchema.safeParse(openSealed(readJson(path, "result"))).data : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

export const resultFile = "result.json";
export const nameRung = (rung: number): string => `rung-${rung}.json`;

interface Wanted {
  readonly recipe: string;
  readonly dataset: string;
  /** What an end is to be scored on. */
  readonly heldOutText?: string | undefined;
}

function readTrialResult(
  { folder, variation, seed }: Trial,
  name: string,
  wanted: Wanted | undefined,
): TrialResult | undefined {
  const path = join(folder, name);
  if (!isPresent(path, "result")) return undefined;
  const parsed = resultSchema.safeParse(openSealed(readJson(path, "result")));
  if (!parsed.success || parsed.data.variation !== variation || parsed.data.seed !== seed) {
    throw new UserError(
      "E_SWEEP",
      `${path}: no result of this trial, or one that was changed`,
      "Remove the trial's folder: the sweep makes it again.",
    );
  }
  if (wanted === undefined) return parsed.data;
  const changed =
    parsed.data.recipe !== wanted.recipe ? "recipe" : parsed.data.dataset !== wanted.dataset ? "dataset" : undefined;
  const { validationLoss, score } = parsed.data;
  const isUnscored = validationLoss !== undefined && wanted.heldOutText !== undefined;
  if (changed === undefined && isUnscored && score?.heldOutText !== wanted.heldOutText) return undefined;
  if (changed === undefined) return parsed.data;
  throw new UserError(
    "E_SWEEP_CHANGED",
    `${folder}: ${variation} with seed ${seed} was trained with another ${changed}`,
    "Give the sweep another --out, or remove that folder to train it again.",
  );
}

export function writeTrialResult({ folder }: Trial, name: string, result: TrialResult): void {
  writeFileAtomically(join(folder, name), formatSealed(result));
}
