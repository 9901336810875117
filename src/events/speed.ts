// How fast a training is: tokens a second, and the share that its arithmetic is of the device's peak. The status line, the report
// and other programs have it from here, so that a run has one speed.

import type { StepEvent } from "./event.ts";

/** Tokens over the seconds of the steps that trained on them; of several steps their sums, or means, are given. */
export const tokensPerSecond = (tokens: number, seconds: number): number => tokens / seconds;

/**
 * The device's peak in FLOP/s: the largest of what was measured and of what steps reached, for a measurement beside other load is
 * too low, and no step can do more than the device. Undefined where none was measured.
 */
export function findPeak(measured: Iterable<number>, reached: Iterable<number>): number | undefined {
  const peak = largest(measured);
  return peak === undefined ? undefined : largest([peak, ...reached].filter(Number.isFinite));
}

function largest(values: Iterable<number>): number | undefined {
  let most: number | undefined;
  for (const value of values) if (most === undefined || value > most) most = value;
  return most;
}

export interface Speed {
  readonly tokensPerSecond: number;
  /** 0 to 1; undefined where no peak is known. */
  readonly shareOfPeak: number | undefined;
}

export interface SpeedOptions {
  readonly tokensPerSequence: number;
  /** Training arithmetic of one token. */
  readonly flopsPerToken: number;
  /** As the run measured it. */
  readonly peakFlops: number | undefined;
}

/** Share of the newest step in what is smoothed. */
const newest = 0.05;

/** Gives the speed after each step, smoothed over the last ones. */
export function createSpeedometer({
  tokensPerSequence,
  flopsPerToken,
  peakFlops,
}: SpeedOptions): (event: StepEvent) => Speed {
  let peak = peakFlops;
  let smooth: { readonly tokens: number; readonly seconds: number } | undefined;
  return ({ batchSequences, stepSeconds: seconds }) => {
    const tokens = batchSequences * tokensPerSequence;
    if (peak !== undefined) peak = findPeak([peak], [flopsPerToken * tokensPerSecond(tokens, seconds)]);
    const mix = (before: number, now: number) => (1 - newest) * before + newest * now;
    smooth =
      smooth === undefined
        ? { tokens, seconds }
        : { tokens: mix(smooth.tokens, tokens), seconds: mix(smooth.seconds, seconds) };
    const speed = tokensPerSecond(smooth.tokens, smooth.seconds);
    return { tokensPerSecond: speed, shareOfPeak: peak && (speed * flopsPerToken) / peak };
  };
}
