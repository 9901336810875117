// Where prepare keeps what is finished of a dataset that is not: portions, the documents, the tokenizer, ids. It lies hidden in the
// dataset's folder, and belongs to the sources and options that it was begun with; the same command goes on from there.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { makeFolder, readJson, writeFileAtomically } from "../../../base/files/files.ts";
import { removeLeftovers } from "../../../base/files/leftovers.ts";

const version = 1;
const contentSchema = z.strictObject({ version: z.literal(version), key: z.string() });

export const workFolderOf = (folder: string): string => join(folder, ".cram-work");

/** Makes the work folder, or finds it as it was left; what another command left there goes. UserErrors: E_NOT_WRITABLE, E_DISK_FULL. */
export function openWorkFolder(folder: string, key: string): string {
  const work = workFolderOf(folder);
  if (!isOf(work, key)) removeLeftovers(work);
  makeFolder(work);
  if (!isOf(work, key)) writeFileAtomically(join(work, "work.json"), JSON.stringify({ version, key }));
  return work;
}

/** Whether something is finished there of these sources and options. */
export function isOf(work: string, key: string): boolean {
  const path = join(work, "work.json");
  return existsSync(path) && contentSchema.safeParse(tryReading(path)).data?.key === key;
}

function tryReading(path: string): unknown {
  try {
    return readJson(path, "list of work");
  } catch {
    return undefined; // damaged: begun anew
  }
}

/** Whether anything is finished there. */
export const holdsWork = (folder: string): boolean => {
  const work = workFolderOf(folder);
  return existsSync(work) && readdirSync(work).some(name => /^portion-\d+\.json$/.test(name));
};
