// A record: what a recipe reached on a track, seed by seed, with the course of each. Small enough to be kept in a repository, a folder each,
// numbered in the order in which they were set; the newest is the best.

import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { isPresent, listFolder, makeFolder, readJson, writeFileAtomically } from "../base/files/files.ts";

const number = z.number();

const recordSchema = z.strictObject({
  format: z.literal("cramming-record"),
  version: z.literal(1),
  track: z.string(),
  /** Whole. */
  recipe: z.record(z.string(), z.unknown()),
  tokenizer: z.string(),
  documents: z.string(),
  heldOut: z.string(),
  /** As the backend names it. */
  device: z.string(),
  date: z.string(),
  seeds: z
    .array(
      z.strictObject({
        seed: z.int(),
        bitsPerByte: number,
        /** Of masked words that their tokens do not give back. */
        speltWords: z.int(),
        /** Nats a predicted token of the dataset's own held-out part: of this tokenizer alone. */
        validationLoss: number,
        steps: z.int(),
        tokens: number,
        elapsedSeconds: number,
        /** Seconds and validation loss, along the training. */
        course: z.array(z.tuple([number, number])),
      }),
    )
    .min(2),
  /** The record before, trained again beside this one: bits per byte less its, and one-sided p. */
  against: z
    .strictObject({
      record: z.string(),
      bitsPerByte: z.array(number),
      difference: number,
      low: number,
      high: number,
      p: number,
    })
    .exactOptional(),
});

export type TrackRecord = z.infer<typeof recordSchema>;
export type SeedScore = TrackRecord["seeds"][number];

const recordFile = "record.json";

export interface BestRecord {
  /** Its folder's. */
  readonly name: string;
  readonly path: string;
  readonly record: TrackRecord;
}

/** The newest of a track; undefined of a track without one. UserErrors: E_RECORD, those of reading. */
export function readBestRecord(records: string, track: string): BestRecord | undefined {
  const folder = join(records, track);
  const name = listRecords(folder).at(-1);
  if (name === undefined) return undefined;
  const path = join(folder, name, recordFile);
  const parsed = recordSchema.safeParse(readJson(path, "record"));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new UserError(
      "E_RECORD",
      `${path}: ${issue.path.join(".") || "the file"}: ${issue.message}`,
      "Correct it there.",
    );
  }
  if (parsed.data.track === track) return { name, path, record: parsed.data };
  throw new UserError(
    "E_RECORD",
    `${path}: a record of the track "${parsed.data.track}", in the folder of ${track}`,
    "Put it where it belongs.",
  );
}

/** Writes the next record of a track; its folder. */
export function writeRecord(records: string, content: Omit<TrackRecord, "format" | "version">): string {
  const folder = join(records, content.track);
  const next = Number(listRecords(folder).at(-1)?.slice(0, 3) ?? 0) + 1;
  const own = join(folder, `${String(next).padStart(3, "0")}-${nameForFolder(String(content.recipe.name))}`);
  makeFolder(own);
  const whole: TrackRecord = { format: "cramming-record", version: 1, ...content };
  writeFileAtomically(join(own, recordFile), `${JSON.stringify(whole, undefined, 1)}\n`);
  return own;
}

export const nameForFolder = (recipe: string): string => recipe.replace(/[^\w.-]+/g, "_").slice(0, 60);

/** "001-crammed-bert-small", in their order. */
const listRecords = (folder: string) =>
  listFolder(folder, "track")
    .map(({ name }) => name)
    .filter(name => /^\d{3}-/.test(name) && isPresent(join(folder, name, recordFile), "record"))
    .sort();
