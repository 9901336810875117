// A run's events gathered into curves, one event after the other: columns of its steps and validations, and an account of its
// seconds. Whether every step is kept or so many that charts look the same, the caller chooses.

import { type Columns, type Growing, growColumns, thinColumns } from "./columns.ts";
import { type Event, refuseLine, type Start } from "./event-schema.ts";

export const stepColumns = [
  "step",
  "progress",
  "elapsedSeconds",
  "loss",
  "gradientNorm",
  "learningRate",
  "batchSequences",
  /** Of the run so far. */
  "tokens",
  /** Of this step alone. */
  "stepTokens",
  "stepSeconds",
  /** 1 for a step that was not finite and changed nothing. */
  "skipped",
] as const;
export const validationColumns = ["step", "elapsedSeconds", "tokens", "loss"] as const;
type StepColumn = (typeof stepColumns)[number];
type ValidationColumn = (typeof validationColumns)[number];

export interface Curves {
  readonly starts: readonly Start[];
  /** Every step; of thinned curves some, each as it was. */
  readonly steps: Columns<StepColumn>;
  /** Of thinned curves: means of the steps of equal intervals of time, those left out among them. */
  readonly stepMeans: Columns<StepColumn> | undefined;
  readonly validations: Columns<ValidationColumn>;
  /** Steps that were not finite and changed nothing. */
  readonly skipped: number;
  /** Of them those that no good step came after. */
  readonly skippedLast: number;
  readonly checkpoints: number;
  /** Seconds of the budget by what they went to; `other` is between steps: waiting for data, writing events. */
  readonly spent: {
    readonly training: number;
    readonly validation: number;
    readonly checkpoints: number;
    readonly other: number;
  };
  /** Why the run ended; undefined while it trains, or when it was killed. */
  readonly reason: string | undefined;
}

export interface CurveGatherer {
  /** `place` is "file:line". E_EVENTS for a step that goes back. */
  add(event: Event, place: string): void;
  take(): Curves;
}

/** Named one by one: a spread copy of a parsed event is an object of the slow kind, and there is one a step. */
const rowOfStep = (value: Extract<Event, { kind: "step" }>["value"], stepTokens: number) => ({
  step: value.step,
  progress: value.progress,
  elapsedSeconds: value.elapsedSeconds,
  loss: value.loss,
  gradientNorm: value.gradientNorm,
  learningRate: value.learningRate,
  batchSequences: value.batchSequences,
  tokens: value.tokens,
  stepTokens,
  stepSeconds: value.stepSeconds,
  skipped: value.skipped,
});

/** More than the columns of pixels of a chart, and 70 bytes for each of at most 6 rows in one. */
const bucketsOfThinned = 1024;
/** A run of more starts, or validations, was not made by training. */
const mostStarts = 1000;

/** Gathers all steps, 88 bytes each; or, with `thinned`, rows and means in memory that does not grow with the run. */
export function gatherCurves({ thinned }: { thinned: boolean }): CurveGatherer {
  const steps: Growing<StepColumn> = thinned
    ? thinColumns(stepColumns, {
        along: "elapsedSeconds",
        measures: [({ loss }) => loss, ({ gradientNorm }) => gradientNorm, row => row.stepTokens / row.stepSeconds],
        buckets: bucketsOfThinned,
      })
    : growColumns(stepColumns);
  const validations: Growing<ValidationColumn> = thinned
    ? thinColumns(validationColumns, {
        along: "elapsedSeconds",
        measures: [({ loss }) => loss],
        buckets: bucketsOfThinned,
      })
    : growColumns(validationColumns);
  const starts: Start[] = [];
  const spent = { training: 0, validation: 0, checkpoints: 0, other: 0 };
  let skipped = 0;
  let skippedLast = 0;
  let checkpoints = 0;
  let reason: string | undefined;
  let before: { kind: Event["kind"]; step: number; elapsedSeconds: number; tokens: number } | undefined;
  const add = ({ kind, value }: Event, place: string) => {
    if (before !== undefined && value.step < before.step) {
      throw refuseLine(place, `step ${value.step} after step ${before.step}; two runs wrote to one file`);
    }
    const since = Math.max(0, value.elapsedSeconds - (before?.elapsedSeconds ?? value.elapsedSeconds));
    let tokens = before?.tokens ?? 0;
    reason = undefined;
    if (kind === "start") {
      if (starts.length === mostStarts) throw refuseLine(place, `more than ${mostStarts} starts`);
      starts.push(value);
    } else if (kind === "step") {
      steps.add(rowOfStep(value, value.tokens - tokens));
      tokens = value.tokens;
      skipped += value.skipped;
      skippedLast = value.skipped === 1 ? skippedLast + 1 : 0;
      const own = Math.min(value.stepSeconds, since);
      spent.training += own;
      spent[before?.kind === "checkpoint" ? "checkpoints" : "other"] += since - own;
    } else if (kind === "validation") {
      validations.add({ ...value, tokens });
      spent.validation += since;
    } else if (kind === "checkpoint") {
      checkpoints++;
      spent.other += since;
    } else reason = value.reason;
    before = { kind, step: value.step, elapsedSeconds: value.elapsedSeconds, tokens };
  };
  return {
    add,
    take: () => {
      const { each, means } = steps.take();
      return {
        starts: [...starts],
        steps: each,
        stepMeans: means,
        validations: validations.take().each,
        skipped,
        skippedLast,
        checkpoints,
        spent: { ...spent },
        reason,
      };
    },
  };
}
