// cram-export.json in an export: the SHA-256 of what `cram export` wrote, sealed. Whoever reads a file of a folder that has one
// compares it first; a folder without one is another program's, or of an earlier version. The card is not in it: a person edits it.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { type Checksums, findChangedFile, hashFiles } from "../base/files/checksums.ts";
import { readJson, writeFileAtomically } from "../base/files/files.ts";
import { formatSealed, isSealed } from "../base/sealed-json.ts";
import { quoteWord } from "../base/shell-words.ts";

export const exportChecksumsName = "cram-export.json";

/** A file that says how text is read. */
export const isTokenizerFile = (path: string) => /^(tokenizer|special_tokens)[^/]*\.json$/.test(path);

const schema = z.object({
  format: z.literal("cramming-export"),
  version: z.literal(1),
  files: z.record(z.string(), z.string()),
});

/** Writes the checksums of those of `paths` that stand in the folder. */
export function writeExportChecksums(folder: string, paths: readonly string[]): void {
  const files = hashFiles(
    folder,
    paths.filter(path => existsSync(join(folder, path))),
  );
  writeFileAtomically(
    join(folder, exportChecksumsName),
    formatSealed({ format: "cramming-export", version: 1, files }),
  );
}

/**
 * Compares the files of an export that `isRead` chooses by their paths, and does nothing in a folder without checksums. A graph of
 * ONNX may have been removed. UserErrors: E_EXPORT_CHANGED, and those of reading the files.
 */
export function checkExport(folder: string, isRead: (path: string) => boolean): void {
  const path = join(folder, exportChecksumsName);
  if (!existsSync(path)) return;
  const read = Object.entries(readChecksums(folder, path)).filter(
    ([name]) => isRead(name) && (!name.startsWith("onnx/") || existsSync(join(folder, name))),
  );
  const changed = findChangedFile(folder, Object.fromEntries(read));
  if (changed !== undefined) throw refuse(folder, changed);
}

function readChecksums(folder: string, path: string): Checksums {
  const json = readJson(path, "list of an export's checksums");
  const parsed = schema.safeParse(json);
  if (!parsed.success || !isSealed(json)) throw refuse(folder, `${path}: changed after it was written`);
  return parsed.data.files;
}

const refuse = (folder: string, seen: string): UserError =>
  new UserError(
    "E_EXPORT_CHANGED",
    seen,
    "Export it again, or fetch it again. Where it was changed on purpose, remove " +
      `${quoteWord(join(folder, exportChecksumsName))}: the folder is then opened as any other program's model.`,
  );
