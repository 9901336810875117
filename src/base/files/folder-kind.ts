// What stands in a folder, told by its files alone, and whether a verb may write there: into a folder of its own kind, or where
// nothing of what it writes stands. Every verb asks before it removes or writes anything.

import { closeSync, existsSync, readdirSync, readSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";
import { openForReading, readText } from "./files.ts";
import { recoverFolder, refuseOther } from "./folder-draft.ts";

export type FolderKind =
  | "a run"
  | "a checkpoint"
  | "documents"
  | "a dataset"
  | "an evaluation"
  | "a model"
  | "a sweep"
  | "a ladder";

/** Undefined for a folder that is not there, is empty, or holds nothing that is known. */
export function recogniseFolder(folder: string): FolderKind | undefined {
  const names = listNames(folder);
  const has = (name: string) => names.includes(name);
  if (has("sweep.json")) return "a sweep";
  if (has("scale.json")) return "a ladder";
  const hasLike = (pattern: RegExp) => names.some(name => pattern.test(name));
  if (has("recipe.json") || has("checkpoints") || isRunData(join(folder, "data.json"))) return "a run";
  if (has("checkpoint.json") || hasLike(/^step-\d{8}$/)) return "a checkpoint";
  const manifest = has("manifest.json") ? read(join(folder, "manifest.json")) : "";
  if (manifest.includes('"cramming-documents"') || hasLike(/^documents-\d{5,}\.jsonl$/)) return "documents";
  if (manifest.includes('"cramming-dataset"') || names.some(name => isShard(join(folder, name)))) return "a dataset";
  if (isEvaluation(folder, names)) return "an evaluation";
  return has("config.json") ? "a model" : undefined;
}

/**
 * Refuses to write `kind` into a folder of another kind, or where one of `names`, which it would write, is somebody else's:
 * E_OUTPUT_OTHER. What a killed writer left half moved is finished first: UserErrors of `recoverFolder`.
 */
export function checkOutput(folder: string, kind: FolderKind, names: readonly string[]): void {
  recoverFolder(folder);
  const found = recogniseFolder(folder);
  if (found === kind) return;
  if (found !== undefined) {
    throw new UserError(
      "E_OUTPUT_OTHER",
      `${folder}: ${found} stands there, and ${kind} would be written into it`,
      "Choose another folder with --out.",
    );
  }
  const taken = names.map(name => join(folder, name)).find(holdsFile);
  if (taken !== undefined) refuseOther(taken);
}

/** Refuses to export into a folder of another kind, or over a model whose card does not say that `cram export` wrote it: E_OUTPUT_OTHER. */
export function checkExportOutput(folder: string, names: readonly string[]): void {
  checkOutput(folder, "a model", names);
  if (!listNames(folder).includes("config.json")) return;
  if (!/^- cramming$/m.test(read(join(folder, "README.md")))) refuseOther(join(folder, "config.json"));
}

/** Refuses to write what no verb reads, as the files of a report, into a folder of ours: E_OUTPUT_OTHER. */
export function refuseKnownFolder(folder: string, written = "a report's files"): void {
  const kind = recogniseFolder(folder);
  if (kind === undefined) return;
  throw new UserError(
    "E_OUTPUT_OTHER",
    `${folder}: ${kind} stands there, and ${written} would be written into it`,
    "Choose another folder.",
  );
}

/** Refuses to write a page over what is no page, or under another name into a folder of ours: E_OUTPUT_OTHER. */
export function checkPageOutput(path: string): void {
  const taken = existsSync(path) && statSync(path).isFile() && statSync(path).size > 0;
  if (taken && !/^\s*<!doctype html>/i.test(read(path))) refuseOther(path);
  const kind = recogniseFolder(dirname(path));
  if (kind === undefined || /\.html?$/i.test(path)) return;
  throw new UserError(
    "E_OUTPUT_OTHER",
    `${path}: ${kind} stands there, and a page of this name would be taken for a part of it`,
    "Choose a name that ends in .html.",
  );
}

/** Whether a file begins as a shard does. */
export function isShard(path: string): boolean {
  if (!/(training|validation)-\d{5}\.bin$/.test(path)) return false;
  try {
    const file = openForReading(path, "shard");
    try {
      const head = Buffer.alloc(8);
      readSync(file, head, 0, head.length, 0);
      return head.toString("latin1") === "CRAMSHRD";
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

function isRunData(path: string): boolean {
  return existsSync(path) && /^\s*\{\s*"data":\s*"/.test(read(path));
}

/** SUITE/scoreboard.json, SUITE/TASK/SEED, or the folder of a task or a seed itself. */
function isEvaluation(folder: string, names: readonly string[]): boolean {
  const seed = /^(untrained-)?seed-\d+$|^majority$/;
  if (["result.json", "scoreboard.json", "predictions.jsonl"].some(name => names.includes(name))) return true;
  if (names.some(name => seed.test(name)) || existsSync(join(folder, "model.json"))) return true;
  return names.some(suite => {
    const tasks = listNames(join(folder, suite));
    if (tasks.includes("scoreboard.json")) return true;
    return tasks.some(task =>
      listNames(join(folder, suite, task)).some(name => name === "result.json" || seed.test(name)),
    );
  });
}

/** Whether it is a file, or a folder with one somewhere in it. */
function holdsFile(path: string): boolean {
  // Below a file nothing stands; writing there says so.
  if (!existsSync(path)) return false;
  return statSync(path).isDirectory() ? listNames(path).some(name => holdsFile(join(path, name))) : true;
}

/** Hidden names and what cannot be listed left out. */
function listNames(folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => !name.startsWith("."));
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readText(path, "file");
  } catch {
    return "";
  }
}
