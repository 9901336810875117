// A total told from some of its parts, with how far off it may be: the ratio estimate and its variance (Cochran, "Sampling
// Techniques", 3rd edition, §6.3).

import jStat from "jstat";

/** A part of the whole: how large it is, and what was counted in it. */
export interface CountedPart {
  readonly bytes: number;
  readonly amount: number;
}

export interface Estimate {
  readonly expected: number;
  /** The 95 % interval, by Student's t; absent where one part does not say how parts differ. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** What is counted in all of `bytes`, of which these are parts drawn evenly. */
export function estimateTotal(parts: readonly CountedPart[], bytes: number): Estimate {
  const sum = (read: (part: CountedPart) => number) => parts.reduce((total, part) => total + read(part), 0);
  const read = sum(part => part.bytes);
  if (read === 0) return { expected: 0 };
  const ratio = sum(({ amount }) => amount) / read;
  const expected = ratio * bytes;
  if (read >= bytes) return { expected, low: expected, high: expected };
  const count = parts.length;
  if (count < 2) return { expected };
  const variance = sum(({ bytes, amount }) => (amount - ratio * bytes) ** 2) / (count - 1);
  const all = (count * bytes) / read;
  const error = all * Math.sqrt(((1 - count / all) * variance) / count) * jStat.studentt.inv(0.975, count - 1);
  return {
    expected,
    low: Math.max(
      sum(({ amount }) => amount),
      expected - error,
    ),
    high: expected + error,
  };
}
