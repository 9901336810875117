// A run's events.jsonl as columns of numbers: the report's own reading of what training wrote (docs/FORMATS.md). The file
// is read in blocks and kept as numbers only, 80 bytes a step, so a run of a million steps is no trouble.

import { closeSync, openSync, readSync } from "node:fs";
import { z } from "zod";
import { UserError } from "../base/errors.ts";

/** JSON has no NaN: a loss that was not finite is written as null. */
const measured = z
  .number()
  .nullable()
  .transform(value => value ?? Number.NaN);
const shared = { step: z.number().int().nonnegative(), elapsedSeconds: z.number().nonnegative() };

const schemas = {
  start: z.object({
    ...shared,
    device: z.string(),
    parameters: z.number(),
    warmupSeconds: z.number(),
    unigramEntropy: measured.optional(),
    /** Measured FLOP/s of the device, where the run measured it. */
    peakFlops: z.number().positive().optional(),
  }),
  step: z.object({
    ...shared,
    progress: z.number(),
    loss: measured,
    gradientNorm: measured,
    learningRate: z.number(),
    batchSequences: z.number(),
    tokens: z.number(),
    stepSeconds: z.number(),
    skipped: z.boolean().transform(Number),
  }),
  validation: z.object({ ...shared, loss: measured }),
  checkpoint: z.object(shared),
  end: z.object({ ...shared, tokens: z.number(), reason: z.string() }),
};
type Kind = keyof typeof schemas;
export type Start = z.infer<typeof schemas.start>;

export const stepColumns = [
  "step",
  "progress",
  "elapsedSeconds",
  "loss",
  "gradientNorm",
  "learningRate",
  "batchSequences",
  "tokens",
  "stepSeconds",
  /** 1 for a step that was not finite and changed nothing. */
  "skipped",
] as const;
export const validationColumns = ["step", "elapsedSeconds", "tokens", "loss"] as const;

/** Columns of equal length. */
export type Columns<Name extends string> = Readonly<Record<Name, Float64Array>>;

export interface Curves {
  readonly starts: readonly Start[];
  readonly steps: Columns<(typeof stepColumns)[number]>;
  readonly validations: Columns<(typeof validationColumns)[number]>;
  /** Steps that were not finite and changed nothing. */
  readonly skipped: number;
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

/**
 * Reads the whole file. A last line without its end is a write under way or cut short, and is left out; any other line that
 * is not an event is E_EVENTS with its number. Kinds of events that are not known are skipped.
 */
export function readCurves(path: string): Curves {
  const steps = growColumns(stepColumns);
  const validations = growColumns(validationColumns);
  const starts: Start[] = [];
  const spent = { training: 0, validation: 0, checkpoints: 0, other: 0 };
  let skipped = 0;
  let checkpoints = 0;
  let reason: string | undefined;
  let before: { kind: Kind; step: number; elapsedSeconds: number; tokens: number } | undefined;
  for (const { number, text } of readLines(path)) {
    const event = readEvent(text, `${path}:${number}`);
    if (event === undefined) continue;
    const { kind, value } = event;
    if (before !== undefined && value.step < before.step) {
      throw badLine(`${path}:${number}`, `step ${value.step} after step ${before.step}; two runs wrote to one file`);
    }
    const since = Math.max(0, value.elapsedSeconds - (before?.elapsedSeconds ?? value.elapsedSeconds));
    let tokens = before?.tokens ?? 0;
    reason = undefined;
    if (kind === "start") starts.push(value);
    else if (kind === "step") {
      tokens = value.tokens;
      steps.add(value);
      skipped += value.skipped;
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
  }
  return { starts, steps: steps.take(), validations: validations.take(), skipped, checkpoints, spent, reason };
}

type Event = { [K in Kind]: { readonly kind: K; readonly value: z.infer<(typeof schemas)[K]> } }[Kind];

function readEvent(text: string, place: string): Event | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw badLine(place, `not JSON: ${text.slice(0, 60)}`);
  }
  const { kind } = (parsed ?? {}) as { kind?: unknown };
  if (typeof kind !== "string") throw badLine(place, `not an event: ${text.slice(0, 60)}`);
  if (!Object.hasOwn(schemas, kind)) return undefined;
  const name = kind as Kind;
  const event = schemas[name].safeParse(parsed);
  if (event.success) return { kind: name, value: event.data } as Event;
  const issue = event.error.issues[0]!;
  throw badLine(place, `a ${name} event with a wrong ${issue.path.join(".")}: ${issue.message}`);
}

const badLine = (place: string, seen: string) =>
  new UserError("E_EVENTS", `${place}: ${seen}`, "The file was changed after training wrote it; remove that line.");

const blockBytes = 1 << 20;

/** Whole lines with their numbers from 1, a block of the file in memory at a time. */
function* readLines(path: string): Generator<{ number: number; text: string }> {
  const file = openSync(path, "r");
  try {
    let number = 0;
    let rest: Buffer = Buffer.alloc(0);
    const block = Buffer.alloc(blockBytes);
    for (let read = readSync(file, block); read > 0; read = readSync(file, block)) {
      const bytes = Buffer.concat([rest, block.subarray(0, read)]);
      const end = bytes.lastIndexOf(10) + 1;
      rest = Buffer.from(bytes.subarray(end));
      if (rest.length > blockBytes) throw badLine(`${path}:${number + 1}`, "a line of more than a megabyte");
      if (end === 0) continue;
      for (const text of bytes.toString("utf8", 0, end - 1).split("\n")) {
        number++;
        if (text !== "") yield { number, text };
      }
    }
  } finally {
    closeSync(file);
  }
}

interface Growing<Name extends string> {
  add(row: Readonly<Record<Name, number>>): void;
  take(): Columns<Name>;
}

/** Columns that double as they fill. */
function growColumns<Name extends string>(names: readonly Name[]): Growing<Name> {
  const columns = names.map(name => ({ name, values: new Float64Array(256) }));
  let length = 0;
  return {
    add: row => {
      for (const column of columns) {
        if (length === column.values.length) {
          const larger = new Float64Array(2 * length);
          larger.set(column.values);
          column.values = larger;
        }
        column.values[length] = row[column.name];
      }
      length++;
    },
    take: () =>
      Object.fromEntries(
        columns.map(({ name, values }) => [name, values.subarray(0, length)] as const),
      ) as Columns<Name>,
  };
}
