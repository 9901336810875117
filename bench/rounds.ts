// Timing in turns: ours, peer, ours, peer … within one run, so that a slow moment of the machine falls on both. A turn repeats
// its work until it is long against the clock; what is kept is the time of one repetition.

import { systemClock } from "../src/base/clock.ts";
import { pause, waitForQuiet, watchOthers } from "./quiet.ts";

export interface Contestant {
  readonly name: string;
  /** The processes that work, where it is not this one alone. */
  readonly processIds?: readonly number[];
  /** Does the work `times` times and returns the seconds that took, on the contestant's own clock. */
  run(times: number): Promise<number>;
}

export interface Timing {
  readonly name: string;
  /** Seconds of one repetition, round by round. */
  readonly seconds: readonly number[];
  readonly minimum: number;
  readonly median: number;
}

export interface RoundOptions {
  readonly rounds: number;
  /** A turn repeats the work for about this long. */
  readonly secondsPerTurn: number;
  /** A turn waits for other programs to rest, and is taken again when they disturbed it, for so long; then it counts. */
  readonly quietSeconds: number;
}

/** Thread pools spin for some milliseconds after their work (OpenBLAS for 2²⁶ cycles); the next in turn starts after that. */
const restMilliseconds = 60;

/** The seconds of one repetition, once other programs rest; taken again when they disturbed it, for at most `quietSeconds`. */
export async function takeTurn(
  { processIds = [], run }: Contestant,
  times: number,
  quietSeconds: number,
): Promise<number> {
  const end = systemClock.seconds() + quietSeconds;
  for (;;) {
    await pause(restMilliseconds);
    await waitForQuiet(end);
    const disturbed = watchOthers([process.pid, ...processIds]);
    const seconds = (await run(times)) / times;
    if (systemClock.seconds() >= end || !disturbed()) return seconds;
  }
}

/** Runs every contestant once to warm up and once to see how long it takes, then all of them in turn, `rounds` times. */
export async function alternate(
  contestants: readonly Contestant[],
  { rounds, secondsPerTurn, quietSeconds }: RoundOptions,
): Promise<Timing[]> {
  const entered = [];
  for (const contestant of contestants) {
    await contestant.run(1);
    const times = Math.max(1, Math.round(secondsPerTurn / (await takeTurn(contestant, 1, quietSeconds))));
    entered.push({ contestant, times, seconds: [] as number[] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { contestant, times, seconds } of entered) seconds.push(await takeTurn(contestant, times, quietSeconds));
  }
  return entered.map(({ contestant, seconds }) => ({
    name: contestant.name,
    seconds,
    minimum: Math.min(...seconds),
    median: medianOf(seconds),
  }));
}

/** Seconds that `work` takes. */
export async function measureSeconds(work: () => Promise<void> | void): Promise<number> {
  const start = systemClock.seconds();
  await work();
  return systemClock.seconds() - start;
}

/** The middle value, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
