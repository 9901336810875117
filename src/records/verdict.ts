// Whether a challenger beats the record: both trained on one machine with the same seeds, bits per byte compared in pairs.

import { comparePairs } from "../sweep/comparison.ts";

/** What a difference must be less likely than by chance, to one side. */
export const mostChance = 0.01;

export interface Verdict {
  /** Bits per byte of the challenger less the record's: below 0 it is better. */
  readonly difference: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
  /** That a challenger no better than the record gets so far below it. */
  readonly p: number;
  readonly isRecord: boolean;
}

/** Of seeds in the same order. */
export function judgeChallenge(challenger: readonly number[], record: readonly number[]): Verdict {
  const { mean, low, high, p } = comparePairs(challenger.map((each, i) => each - record[i]!));
  const oneSided = mean < 0 ? p / 2 : 1 - p / 2;
  return { difference: mean, low, high, p: oneSided, isRecord: mean < 0 && oneSided < mostChance };
}
