// How far a stage of long work has come, as of prepare: what is done, how fast, and the time that the rest takes at the same speed. Plain
// data, for programs; and in words, for people.

import type { Clock } from "../../../base/clock.ts";
import { formatDuration } from "../../../train/budget.ts";

/** In their order; a corpus goes through those that its options ask for. */
const stages = [
  "looking for changes",
  "sampling for the filter",
  "learning for the filter",
  "reading",
  "near duplicates",
  "repeated stretches",
  "writing documents",
  "counting words",
  "learning the tokenizer",
  "tokenizing",
  /** Of a set that was tokenized already. */
  "copying sequences",
  "joining sequences",
] as const;
export type StageName = (typeof stages)[number];

export interface Progress<Name extends string> {
  readonly stage: Name;
  /** Share that is done, 0 to 1. */
  readonly share: number;
  /** What is counted: bytes as they lie in files, documents, sequences, tokens of the vocabulary. */
  readonly unit?: "bytes" | "characters" | "documents" | "tokens" | "sequences" | "examples" | undefined;
  readonly done?: number | undefined;
  readonly perSecond?: number | undefined;
  readonly elapsedSeconds: number;
  /** Unknown in the first second and the first hundredth: it would jump. */
  readonly secondsLeft?: number | undefined;
}

export type StageProgress = Progress<StageName>;

/** For a stage that begins now, of `total` of its unit. */
export function createProgress<Name extends string>(
  stage: Name,
  clock: Clock,
  total = 1,
  unit?: Progress<Name>["unit"],
): (done: number) => Progress<Name> {
  const start = clock.seconds();
  return done => {
    const share = total > 0 ? Math.min(1, done / total) : 1;
    const elapsedSeconds = clock.seconds() - start;
    const isSteady = share >= 0.01 && elapsedSeconds >= 1;
    return {
      stage,
      share,
      ...(unit !== undefined && { unit, done, ...(isSteady && { perSecond: done / elapsedSeconds }) }),
      elapsedSeconds,
      ...(isSteady && { secondsLeft: (elapsedSeconds * (1 - share)) / share }),
    };
  };
}

/** "reading: 43 %, 12.3 MB/s, 3m 20s left" */
export function describeProgress({ stage, share, unit, perSecond, secondsLeft }: Progress<string>): string {
  const rate = perSecond === undefined ? "" : `, ${formatRate(perSecond, unit!)}`;
  const left = secondsLeft === undefined ? "" : `, ${formatDuration(secondsLeft)} left`;
  return `${stage}: ${Math.floor(100 * share)} %${rate}${left}`;
}

function formatRate(perSecond: number, unit: NonNullable<Progress<string>["unit"]>): string {
  if (unit === "bytes" && perSecond < 1e5) return `${(perSecond / 1e3).toFixed(perSecond < 1e4 ? 1 : 0)} kB/s`;
  if (unit === "bytes") return `${(perSecond / 1e6).toFixed(perSecond < 1e7 ? 1 : 0)} MB/s`;
  return `${Math.round(perSecond).toLocaleString("en-US")} ${unit}/s`;
}
