// A mix.json: sources with weights, as one source. Paths in it are seen from the folder that it lies in.

import { basename, dirname, isAbsolute, join } from "node:path";
import * as z from "zod";
import { UserError } from "../../base/errors.ts";
import { readWrittenJson } from "../../base/files/files.ts";

const partSchema = z.strictObject({
  /** As prepare takes it. */
  source: z.string().min(1),
  /** Its share of the characters, beside those of the others. */
  weight: z.number().positive().finite(),
  /** How often it may be read at most. */
  passes: z.number().positive().max(1000).default(1),
  /** In the place of --text-field. */
  textField: z.string().min(1).optional(),
  /** Rows are read whose field, by its name, is one of these. */
  where: z.record(z.string(), z.array(z.string()).min(1)).optional(),
  /** So many successive documents are one, with nothing between them: for sets in which a sentence is a row. */
  join: z.number().int().min(2).max(100_000).optional(),
  /** No further shards are read once these hold so many bytes, as they lie there. */
  bytes: z.number().positive().optional(),
});
const mixSchema = z.strictObject({ sources: z.array(partSchema).min(1) });
export type MixEntry = z.infer<typeof partSchema>;

export const isMixFile = (input: string): boolean => /(^|[.-])mix\.json$/i.test(basename(input));

/** The entries of a mix.json. UserErrors: E_MIX, E_FILE_MISSING, E_JSON. */
export function readMixFile(path: string): MixEntry[] {
  const parsed = mixSchema.safeParse(readWrittenJson(path, "mixture"));
  if (parsed.success) return parsed.data.sources;
  const issue = parsed.error.issues[0]!;
  throw new UserError(
    "E_MIX",
    `${path}: no mixture: ${issue.path.join(".") || "the file"}: ${issue.message}`,
    'Write {"sources": [{"source": "books/", "weight": 2}, {"source": "hf:owner/name", "weight": 1, "passes": 3}]}.',
  );
}

/** A path as it is seen from the folder of the mix.json. */
export const resolveFrom = (mixFile: string, path: string): string =>
  isAbsolute(path) ? path : join(dirname(mixFile), path);
