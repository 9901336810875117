// A track: what a record is made under. Text, held-out text, machine and time are the same for all; everything else is the recipe's and
// its tokenizer's. Tracks stand in records/, a folder each.

import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { isPresent, listFolder, readWrittenJson } from "../base/files/files.ts";

const trackSchema = z.strictObject({
  title: z.string(),
  /** Of each seed. */
  budget: z.string(),
  backend: z.enum(["cpu", "cuda", "reference"]),
  /** Of the cpu backend. */
  threads: z.int().min(1).exactOptional(),
  seeds: z
    .array(z.int().nonnegative())
    .min(2)
    .refine(seeds => new Set(seeds).size === seeds.length, "a seed stands there twice"),
  /** Where the text is from, and how it is prepared. */
  text: z.string(),
  /** Hash of the documents that prepare makes of it; the first record says it where it is not known yet. */
  documents: z.string().exactOptional(),
  /** SHA-256 of the held-out text, a document a line as JSON; the same of it. */
  heldOut: z.string().exactOptional(),
  /** Of 48 words of the held-out text, at most. */
  passages: z.int().min(1).max(1e6),
});

export type Track = z.infer<typeof trackSchema>;

const trackFile = "track.json";

export const trackPath = (records: string, name: string): string => join(records, name, trackFile);

/** The first of the folders of tracks that has this one. UserError E_RECORD_TRACK for a name that none has. */
export function findTrack(folders: readonly string[], name: string): string {
  const found = folders.find(folder => /^[\w-]+$/.test(name) && isPresent(join(folder, name, trackFile), "track"));
  if (found !== undefined) return found;
  const names = folders.flatMap(folder =>
    isPresent(folder, "folder of tracks")
      ? listFolder(folder, "folder of tracks")
          .map(entry => entry.name)
          .filter(other => isPresent(join(folder, other, trackFile), "track"))
      : [],
  );
  const distinct = [...new Set(names)].sort();
  throw new UserError(
    "E_RECORD_TRACK",
    `${folders[0]}: no track is called "${name}"`,
    distinct.length === 0 ? "Name the folder of tracks with --records." : `There are ${distinct.join(", ")}.`,
  );
}

/** Of a folder that has it. UserErrors: E_RECORD_TRACK for a file that is no track; those of reading. */
export function readTrack(records: string, name: string): Track {
  const path = trackPath(records, name);
  const parsed = trackSchema.safeParse(readWrittenJson(path, "track"));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new UserError(
    "E_RECORD_TRACK",
    `${path}: ${issue.path.join(".") || "the file"}: ${issue.message}`,
    "Correct it there.",
  );
}
