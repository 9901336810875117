// What the results of a sweep say: means with their spread, and of each variation the difference from the base, with a 95 % interval
// and the p of Student's t-test; in pairs of one seed where both have the same seeds, else Welch's (Welch 1947). Of many differences
// some are large by chance: which exceed the noise is decided with all p in view (Benjamini and Hochberg 1995).

import jStat from "jstat";
import { baseName, type Sweep } from "./sweep.ts";
import type { TrialResult } from "./trial.ts";

/** What trials are compared by: validation loss in nats a predicted token, or bits per byte of a held-out text. */
export type Measure = "nats" | "bits per byte";

/** Tokens of two tokenizers are no comparison, bytes are. */
export const measureOf = ({ heldOutText }: Pick<Sweep, "heldOutText">): Measure =>
  heldOutText === undefined ? "nats" : "bits per byte";

/** Undefined of a trial that has not ended, or is not scored. */
const readMeasure = ({ validationLoss, score }: TrialResult, measure: Measure): number | undefined =>
  measure === "nats" ? validationLoss : score?.bitsPerByte;

export interface Difference {
  /** Of the means, variation less base: below 0 the variation is better. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly p: number;
  readonly isPaired: boolean;
}

export interface Compared {
  readonly name: string;
  /** Of mean, deviation and difference. */
  readonly measure: Measure;
  /** Trials that reached the end of their budget. */
  readonly count: number;
  /** Why others did not: the code of an error, or where halving stopped them and with what loss. */
  readonly failed: readonly string[];
  /** Undefined without a trial. */
  readonly mean: number | undefined;
  /** Of the sample; undefined of fewer than two. */
  readonly deviation: number | undefined;
  readonly steps: number | undefined;
  readonly tokens: number | undefined;
  readonly seconds: number | undefined;
  /** From the base; undefined of the base, and where either has fewer than two trials. */
  readonly difference: Difference | undefined;
  /** The difference's p among those of the whole table: below 0.05 it exceeds the noise. Undefined without a difference. */
  readonly adjusted: number | undefined;
}

/** Of the differences that are told from noise, so many are expected to be none. */
export const falseShare = 0.05;

/** A row a variation, in the order of `names`. */
export function compareVariations(
  names: readonly string[],
  results: readonly TrialResult[],
  measure: Measure = "nats",
): Compared[] {
  const of = (name: string) => results.filter(result => result.variation === name);
  const base = valuesBySeed(of(baseName), measure);
  const rows = names.map(name => {
    const own = of(name);
    const values = valuesBySeed(own, measure);
    const ended = own.filter(result => readMeasure(result, measure) !== undefined);
    const meanOf = (read: (result: TrialResult) => number) =>
      ended.length === 0 ? undefined : average(ended.map(read));
    return {
      name,
      measure,
      count: values.size,
      failed: own.filter(({ validationLoss }) => validationLoss === undefined).map(describeEnd),
      mean: values.size === 0 ? undefined : average([...values.values()]),
      deviation: values.size < 2 ? undefined : Math.sqrt(variance([...values.values()])),
      steps: meanOf(({ steps }) => steps),
      tokens: meanOf(({ tokens }) => tokens),
      seconds: meanOf(({ elapsedSeconds }) => elapsedSeconds),
      difference: name === baseName ? undefined : compareValues(values, base),
    };
  });
  const tested = rows.filter(({ difference }) => difference !== undefined);
  const adjusted = adjustForMany(tested.map(({ difference }) => difference!.p));
  return rows.map(row => ({ ...row, adjusted: adjusted[tested.indexOf(row)] }));
}

/**
 * Of each p the smallest false share at which it is among the discoveries: p·m/rank, and no larger than that of any larger p
 * (Benjamini and Hochberg 1995, for tests that are independent or share a control).
 */
export function adjustForMany(ps: readonly number[]): number[] {
  const order = ps.map((_, i) => i).sort((a, b) => ps[b]! - ps[a]!);
  const adjusted = new Array<number>(ps.length);
  let least = 1;
  for (const [i, at] of order.entries()) {
    least = Math.min(least, (ps[at]! * ps.length) / (ps.length - i));
    adjusted[at] = least;
  }
  return adjusted;
}

const describeEnd = ({ reason, rungLoss }: TrialResult) =>
  rungLoss === undefined ? reason : `${reason} with ${rungLoss.toFixed(4)}`;

type Values = ReadonlyMap<number, number>;

function valuesBySeed(results: readonly TrialResult[], measure: Measure): Values {
  return new Map(
    results.flatMap(result => {
      const value = readMeasure(result, measure);
      return value === undefined ? [] : [[result.seed, value]];
    }),
  );
}

function compareValues(own: Values, base: Values): Difference | undefined {
  if (own.size < 2 || base.size < 2) return undefined;
  const isPaired = own.size === base.size && [...own.keys()].every(seed => base.has(seed));
  if (isPaired) return comparePairs([...own].map(([seed, value]) => value - base.get(seed)!));
  return compareMeans([...own.values()], [...base.values()]);
}

/** Student's t-test of differences in pairs against 0. */
export function comparePairs(differences: readonly number[]): Difference {
  const error = Math.sqrt(variance(differences) / differences.length);
  return { ...judge(average(differences), error, differences.length - 1), isPaired: true };
}

/** Welch's t-test of two samples. */
export function compareMeans(own: readonly number[], base: readonly number[]): Difference {
  const [a, b] = [variance(own) / own.length, variance(base) / base.length];
  // Welch–Satterthwaite.
  const freedom = (a + b) ** 2 / (a ** 2 / (own.length - 1) + b ** 2 / (base.length - 1));
  return { ...judge(average(own) - average(base), Math.sqrt(a + b), freedom), isPaired: false };
}

function judge(mean: number, error: number, freedom: number): Omit<Difference, "isPaired"> {
  // Without any spread there is nothing to doubt.
  if (error === 0) return { mean, low: mean, high: mean, p: mean === 0 ? 1 : 0 };
  const reach = jStat.studentt.inv(0.975, freedom) * error;
  const p = 2 * (1 - jStat.studentt.cdf(Math.abs(mean / error), freedom));
  return { mean, low: mean - reach, high: mean + reach, p };
}

const average = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;

function variance(values: readonly number[]): number {
  const mean = average(values);
  return values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (values.length - 1);
}
