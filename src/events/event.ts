// What a run says about itself: events, one JSON object a line in events.jsonl (docs/FORMATS.md). Training writes them, and all who
// read them hold them against this schema. Kinds and fields that it does not know are passed over, so runs of later versions are read.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { makePrintable } from "../base/printable.ts";

/** What training computes is in float32; other numbers were not written by it, and no axis holds them. */
const computed = z.number().min(-3.5e38).max(3.5e38);
const amount = z.number().nonnegative().max(1e18);
const seconds = z.number().nonnegative().max(1e10);
/** JSON has no NaN: a loss that was not finite is written as null. */
const measured = computed.nullable().transform(value => value ?? Number.NaN);
const shown = z.string().transform(text => makePrintable(text, 200));
/** Steps done, and seconds of the budget that are spent. */
const shared = { step: z.number().int().nonnegative(), elapsedSeconds: seconds };

/** diverged: several steps were not finite, or a parameter is no number; nothing was saved of them. */
type EndReason = "budget" | "interrupted" | "diverged";

const schemas = {
  start: z.object({
    kind: z.literal("start"),
    ...shared,
    device: shown,
    parameters: amount,
    warmupSeconds: seconds,
    /** Nats per token of a model that knows only how frequent each token is; earlier versions did not measure it. */
    unigramEntropy: measured.exactOptional(),
    /** What the run may use in all, where its recipe's budget was extended. */
    budget: z.string().exactOptional(),
    /** FLOP/s of the device at most, as measured now; absent where a backend cannot measure it. */
    peakFlops: amount.positive().exactOptional(),
  }),
  step: z.object({
    kind: z.literal("step"),
    ...shared,
    progress: computed,
    loss: measured,
    gradientNorm: measured,
    learningRate: computed,
    batchSequences: amount,
    /** Of the run so far. */
    tokens: amount,
    stepSeconds: seconds,
    /** Seconds for which the process was stopped meanwhile, which the budget leaves out; absent where it was not. */
    stoppedSeconds: seconds.exactOptional(),
    /** True when the step was not finite and changed nothing. */
    skipped: z.boolean(),
    /** What the loss was multiplied by before its gradient was taken; absent where it is not. */
    lossScale: computed.positive().exactOptional(),
  }),
  validation: z.object({
    kind: z.literal("validation"),
    ...shared,
    progress: computed,
    loss: measured,
    /** With the average of the parameters in their place, where the recipe has one. */
    averageLoss: measured.exactOptional(),
  }),
  samples: z.object({
    kind: z.literal("samples"),
    ...shared,
    /** For each mask of a text the likeliest tokens, best first. */
    fills: z.array(
      z.object({
        text: shown,
        masks: z.array(z.object({ candidates: z.array(z.object({ token: shown, probability: computed })) })),
      }),
    ),
    /** For each word the tokens whose embeddings have the largest cosine with its own. */
    neighbours: z.array(z.object({ text: shown, nearest: z.array(z.object({ token: shown, similarity: computed })) })),
  }),
  checkpoint: z.object({
    kind: z.literal("checkpoint"),
    ...shared,
    path: z.string(),
    /** Where the best is kept: that it is the best so far. */
    isBest: z.literal(true).exactOptional(),
  }),
  end: z.object({
    kind: z.literal("end"),
    ...shared,
    tokens: amount,
    // Of a later version it may be another, which is shown as it stands.
    reason: shown.transform(reason => reason as EndReason),
  }),
};

export type StartEvent = Readonly<z.infer<typeof schemas.start>>;
export type StepEvent = Readonly<z.infer<typeof schemas.step>>;
export type ValidationEvent = Readonly<z.infer<typeof schemas.validation>>;
export type SamplesEvent = Readonly<z.infer<typeof schemas.samples>>;
export type CheckpointEvent = Readonly<z.infer<typeof schemas.checkpoint>>;
export type EndEvent = Readonly<z.infer<typeof schemas.end>>;
export type TrainingEvent = StartEvent | StepEvent | ValidationEvent | SamplesEvent | CheckpointEvent | EndEvent;

/** The line of an event, without its end. */
export function formatEvent(event: TrainingEvent): string {
  return JSON.stringify(event);
}

/** The event of a line, undefined where its kind is not known. `origin` is "file:line", for E_EVENTS. */
export function readEvent(text: string, origin: string): TrainingEvent | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuseLine(origin, `not JSON: ${text.slice(0, 60)}`);
  }
  const { kind } = (parsed ?? {}) as { kind?: unknown };
  if (typeof kind !== "string") throw refuseLine(origin, `not an event: ${text.slice(0, 60)}`);
  if (!Object.hasOwn(schemas, kind)) return undefined;
  const event = schemas[kind as keyof typeof schemas].safeParse(parsed);
  if (event.success) return event.data;
  const issue = event.error.issues[0]!;
  throw refuseLine(origin, `a ${kind} event with a wrong ${issue.path.join(".")}: ${issue.message}`);
}

export const refuseLine = (origin: string, seen: string): UserError =>
  new UserError("E_EVENTS", `${origin}: ${seen}`, "The file was changed after training wrote it; remove that line.");
