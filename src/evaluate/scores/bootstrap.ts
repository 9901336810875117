// How sure a score is: percentile intervals of the bootstrap (Efron 1979), over the examples of one finetuning and over the
// seeds of several. What is drawn is a function of (seed, number of the resample), so the same scores give the same interval.

import { RandomSequence, streams } from "../../base/random.ts";
import { computeMetric, type Groups, type MetricName } from "./metrics.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  readonly resamples?: number;
  /** Share of the resamples that lie inside. */
  readonly level?: number;
}

/** What one finetuning is scored on. */
export interface Predictions {
  readonly predictions: readonly number[];
  readonly targets: readonly number[];
  /** Examples of one group are drawn together: the answers of a question are no independent evidence. */
  readonly groups?: Groups;
}

/** Scores of several seeds: their median as the paper reports it, its interval, and the extremes. */
export interface SeedSpread extends Interval {
  readonly median: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** The interval of a metric under drawing the examples again, with replacement. */
export function bootstrapExamples(
  metric: MetricName,
  { predictions, targets, groups }: Predictions,
  options: BootstrapOptions,
): Interval {
  const units = groups === undefined ? undefined : listGroups(groups);
  const drawExamples = (drawn: readonly number[]): number => {
    if (units === undefined) {
      const pick = (values: readonly number[]) => drawn.map(i => values[i]!);
      return computeMetric(metric, pick(predictions), pick(targets));
    }
    const members = drawn.map(unit => units[unit]!);
    const pick = (values: readonly number[]) => members.flatMap(group => group.map(i => values[i]!));
    // A group that is drawn twice counts twice, so each draw is a group of its own.
    const names = members.flatMap((group, draw) => group.map(() => String(draw)));
    return computeMetric(metric, pick(predictions), pick(targets), names);
  };
  return resample(units?.length ?? targets.length, drawExamples, options);
}

/** Median, extremes and the median's interval under drawing the seeds again; NaN where a score is NaN or there is none. */
export function bootstrapSeeds(scores: readonly number[], options: BootstrapOptions): SeedSpread {
  const medianOf = (values: readonly number[]) => quantileOf(sort(values), 0.5);
  if (scores.length === 0 || scores.some(Number.isNaN)) {
    const none = Number.NaN;
    return { median: none, minimum: none, maximum: none, low: none, high: none };
  }
  return {
    median: medianOf(scores),
    minimum: Math.min(...scores),
    maximum: Math.max(...scores),
    ...resample(scores.length, drawn => medianOf(drawn.map(i => scores[i]!)), options),
  };
}

/**
 * The middle `level` of a statistic of units drawn with replacement. Draws for which it is not defined are left out; where it
 * is defined for none, the interval is NaN.
 */
function resample(
  units: number,
  statistic: (drawn: readonly number[]) => number,
  { seed, resamples = 1000, level = 0.95 }: BootstrapOptions,
): Interval {
  const drawn = new Array<number>(units).fill(0);
  const values: number[] = [];
  for (let index = 0; index < resamples; index++) {
    const random = new RandomSequence(seed, streams.sampling, index);
    for (let i = 0; i < units; i++) drawn[i] = random.below(units);
    const value = statistic(drawn);
    if (!Number.isNaN(value)) values.push(value);
  }
  const sorted = sort(values);
  return { low: quantileOf(sorted, (1 - level) / 2), high: quantileOf(sorted, (1 + level) / 2) };
}

const sort = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** The quantile of ascending values, straight between the two nearest (type 7 of Hyndman & Fan 1996); of nothing, NaN. */
export function quantileOf(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
}

/** The places of each group's examples, in order of first appearance; an example without a group is alone. */
function listGroups(groups: Groups): number[][] {
  const members = new Map<string | number, number[]>();
  groups.forEach((group, i) => {
    const found = members.get(group ?? i);
    if (found === undefined) members.set(group ?? i, [i]);
    else found.push(i);
  });
  return [...members.values()];
}
