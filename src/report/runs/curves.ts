// A run's events gathered into curves, one event after the other: columns of its steps and validations, and an account of its
// seconds. Whether every step is kept or so many that charts look the same, the caller chooses.

import {
  refuseLine,
  type SamplesEvent,
  type StartEvent,
  type StepEvent,
  type TrainingEvent,
} from "../../events/event.ts";
import { type EventLine, readEventLines } from "../../events/event-reader.ts";
import { type Columns, type Growing, growColumns, thinColumns } from "./columns.ts";

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
  readonly starts: readonly StartEvent[];
  /** Every step; of thinned curves some, each as it was. */
  readonly steps: Columns<StepColumn>;
  /** Of thinned curves: means of the steps of equal intervals of time, those left out among them. */
  readonly stepMeans: Columns<StepColumn> | undefined;
  readonly validations: Columns<ValidationColumn>;
  /** What the model said while it trained, the first and the last of it at least. */
  readonly samples: readonly SamplesEvent[];
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
  /** Lines without a known event are passed over. E_EVENTS for a step that goes back. */
  add(line: EventLine): void;
  take(): Curves;
}

/** Of a whole file. Errors: E_EVENTS and those of reading it. */
export function readCurves(path: string): Curves {
  const gatherer = gatherCurves({ thinned: false });
  readEventLines(path, gatherer.add);
  return gatherer.take();
}

/** Named one by one: a spread copy of a parsed event is an object of the slow kind, and there is one a step. */
const rowOfStep = (value: StepEvent, stepTokens: number) => ({
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
  skipped: Number(value.skipped),
});

/** More than the columns of pixels of a chart, and 70 bytes for each of at most 6 rows in one. */
const bucketsOfThinned = 1024;
/** A run of more starts, or validations, was not made by training. */
const mostStarts = 1000;
/** Of more every second is left out, but never the first and the last. */
const mostSamples = 64;

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
  const starts: StartEvent[] = [];
  let samples: SamplesEvent[] = [];
  const spent = { training: 0, validation: 0, checkpoints: 0, other: 0 };
  let skipped = 0;
  let skippedLast = 0;
  let checkpoints = 0;
  let reason: string | undefined;
  let before: { kind: TrainingEvent["kind"]; step: number; elapsedSeconds: number; tokens: number } | undefined;
  const add = ({ event, origin }: EventLine) => {
    if (event === undefined) return;
    if (before !== undefined && event.step < before.step) {
      throw refuseLine(origin, `step ${event.step} after step ${before.step}; two runs wrote to one file`);
    }
    const since = Math.max(0, event.elapsedSeconds - (before?.elapsedSeconds ?? event.elapsedSeconds));
    let tokens = before?.tokens ?? 0;
    reason = undefined;
    if (event.kind === "start") {
      if (starts.length === mostStarts) throw refuseLine(origin, `more than ${mostStarts} starts`);
      starts.push(event);
    } else if (event.kind === "step") {
      steps.add(rowOfStep(event, event.tokens - tokens));
      tokens = event.tokens;
      skipped += Number(event.skipped);
      skippedLast = event.skipped ? skippedLast + 1 : 0;
      const own = Math.min(event.stepSeconds, since);
      spent.training += own;
      spent[before?.kind === "checkpoint" ? "checkpoints" : "other"] += since - own;
    } else if (event.kind === "validation") {
      validations.add({ ...event, tokens });
      spent.validation += since;
    } else if (event.kind === "samples") {
      samples.push(event);
      if (samples.length > mostSamples) samples = samples.filter((_, i) => i % 2 === 0 || i === samples.length - 1);
      spent.other += since;
    } else if (event.kind === "checkpoint") {
      checkpoints++;
      spent.other += since;
    } else reason = event.reason;
    before = { kind: event.kind, step: event.step, elapsedSeconds: event.elapsedSeconds, tokens };
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
        samples: [...samples],
        skipped,
        skippedLast,
        checkpoints,
        spent: { ...spent },
        reason,
      };
    },
  };
}
