// What a report reads of an event: the lines of events.jsonl held against the fields that it uses (docs/FORMATS.md). Kinds
// and fields that it does not know are passed over, so a report reads runs of later versions.

import { z } from "zod";
import { UserError } from "../../base/errors.ts";
import { makePrintable } from "../../base/printable.ts";

/** What training computes is in float32; other numbers were not written by it, and no axis holds them. */
const computed = z.number().min(-3.5e38).max(3.5e38);
const amount = z.number().nonnegative().max(1e18);
const seconds = z.number().nonnegative().max(1e10);
/** JSON has no NaN: a loss that was not finite is written as null. */
const measured = computed.nullable().transform(value => value ?? Number.NaN);
const shared = { step: z.number().int().nonnegative(), elapsedSeconds: seconds };

const schemas = {
  start: z.object({
    ...shared,
    device: z.string().transform(text => makePrintable(text, 200)),
    parameters: amount,
    warmupSeconds: seconds,
    unigramEntropy: measured.optional(),
    budget: z.string().optional(),
    /** Measured FLOP/s of the device, where the run measured it. */
    peakFlops: amount.positive().optional(),
  }),
  step: z.object({
    ...shared,
    progress: computed,
    loss: measured,
    gradientNorm: measured,
    learningRate: computed,
    batchSequences: amount,
    tokens: amount,
    stepSeconds: seconds,
    skipped: z.boolean().transform(Number),
  }),
  validation: z.object({ ...shared, loss: measured }),
  checkpoint: z.object(shared),
  end: z.object({ ...shared, tokens: amount, reason: z.string().transform(text => makePrintable(text, 200)) }),
};
type Kind = keyof typeof schemas;
export type Start = z.infer<typeof schemas.start>;
export type Event = { [K in Kind]: { readonly kind: K; readonly value: z.infer<(typeof schemas)[K]> } }[Kind];

/** The event of a line, undefined where its kind is not known. `place` is "file:line", for E_EVENTS. */
export function readEvent(text: string, place: string): Event | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw refuseLine(place, `not JSON: ${text.slice(0, 60)}`);
  }
  const { kind } = (parsed ?? {}) as { kind?: unknown };
  if (typeof kind !== "string") throw refuseLine(place, `not an event: ${text.slice(0, 60)}`);
  if (!Object.hasOwn(schemas, kind)) return undefined;
  const name = kind as Kind;
  const event = schemas[name].safeParse(parsed);
  if (event.success) return { kind: name, value: event.data } as Event;
  const issue = event.error.issues[0]!;
  throw refuseLine(place, `a ${name} event with a wrong ${issue.path.join(".")}: ${issue.message}`);
}

export const refuseLine = (place: string, seen: string): UserError =>
  new UserError("E_EVENTS", `${place}: ${seen}`, "The file was changed after training wrote it; remove that line.");
