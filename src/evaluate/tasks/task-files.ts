// Which files of a folder are a task's: their names say what they hold. Every publisher's names are words of one small
// language: train.tsv, dev_matched.tsv, validation-00000-of-00002.parquet, train-subset.jsonl.gz. A file whose name has
// another word is not the task's. Two files for one thing are refused, for one of them would be forgotten.

import type { Dirent } from "node:fs";
import { basename, join, resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import { listFolder } from "../../tables/folder.ts";
import { type PassedOver, passOver } from "../../tables/passed-over.ts";
import { tableFormat } from "../../tables/table.ts";
import type { Task } from "./task.ts";

export type Role = "train" | "validation" | "test";

/** The files, in order, that together are one split. */
export interface SplitFiles {
  readonly role: Role;
  /** "validation" or "matched"; for training "train". */
  readonly split: string;
  readonly paths: readonly string[];
  /** Whether they hold only a part of what was published. */
  readonly subset: boolean;
}

interface NamedFile {
  readonly path: string;
  readonly role: Role;
  readonly split: string;
  readonly subset: boolean;
  /** Its number and how many there are, where the split is in several files. */
  readonly shard?: readonly [number: number, count: number];
}

const roles: ReadonlyMap<string, Role> = new Map(
  Object.entries({
    train: "train",
    dev: "validation",
    val: "validation",
    validation: "validation",
    test: "test",
  } as const),
);
const splitWords = ["matched", "mismatched"];
const subsetWords = ["subset", "half"];

/**
 * The folder of a task in that of its suite, by its name or title whatever the case; that folder itself where it is called
 * so. Never a folder by what is in it: SST-2's files would pass for CoLA's. Undefined where there is none.
 */
export function findTaskFolder(task: Task, suiteFolder: string): string | undefined {
  const names = [task.name, task.title, ...(task.published?.folders ?? [])].map(plainName);
  const folders = listEntries(suiteFolder).filter(entry => entry.isDirectory());
  const found = names
    .map(name => folders.find(folder => plainName(folder.name) === name))
    .find(folder => folder !== undefined);
  if (found !== undefined) return join(suiteFolder, found.name);
  return names.includes(plainName(basename(resolve(suiteFolder)))) ? suiteFolder : undefined;
}

/**
 * The splits of a task in its folder, training first; other tables there, and what is hidden, are counted in `passedOver`. UserErrors:
 * E_TASK_FILES where two files claim one split, or a part is missing.
 */
export function listTaskFiles(task: Task, folder: string, passedOver: PassedOver[] = []): SplitFiles[] {
  const bySplit = new Map<string, NamedFile[]>();
  const passHidden = ({ name }: Dirent) => passOver(passedOver, "hidden", join(folder, name));
  for (const entry of listEntries(folder, passHidden)) {
    if (entry.isDirectory()) continue;
    const path = join(folder, entry.name);
    const file = parseFileName(path, task);
    if (file === undefined) {
      if (tableFormat(path) !== undefined) passOver(passedOver, "tables whose names say no split", path);
      continue;
    }
    const key = `${file.role} ${file.split}`;
    bySplit.set(key, [...(bySplit.get(key) ?? []), file]);
  }
  const order: readonly Role[] = ["train", "validation", "test"];
  return [...bySplit.values()]
    .map(joinSplit)
    .sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role) || (a.split < b.split ? -1 : 1));
}

function parseFileName(path: string, task: Task): NamedFile | undefined {
  if (tableFormat(path) === undefined) return undefined;
  const stem = basename(path).toLowerCase().split(".")[0]!;
  if (task.published?.trainedOn !== undefined && plainName(stem) === plainName(task.title)) {
    return { path, role: "validation", split: "validation", subset: false };
  }
  const shard = /[-_](\d{5})-of-(\d{5})$/.exec(stem);
  const words = stem.slice(0, shard?.index).split(/[-_]/);
  const named = words.filter(word => roles.has(word));
  const splits = words.filter(word => splitWords.includes(word));
  const subset = words.filter(word => subsetWords.includes(word));
  if (named.length !== 1 || splits.length > 1 || named.length + splits.length + subset.length < words.length)
    return undefined;
  const role = task.published?.trainedOn === undefined ? roles.get(named[0]!)! : "validation";
  const file = { path, role, split: splits[0] ?? role, subset: subset.length > 0 };
  return shard === null ? file : { ...file, shard: [Number(shard[1]), Number(shard[2])] };
}

/** One split of the files that claim it: the whole before a part, and every shard. */
function joinSplit(files: readonly NamedFile[]): SplitFiles {
  const whole = files.filter(file => !file.subset);
  const chosen = (whole.length > 0 ? whole : files).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const first = chosen[0]!;
  const count = first.shard?.[1] ?? 1;
  if (chosen.length > count || chosen.some(file => (file.shard?.[1] ?? 1) !== count)) {
    throw new UserError(
      "E_TASK_FILES",
      `${first.path} and ${basename(chosen[1]!.path)} both hold the split "${first.split}"`,
      "Keep one of them in this folder.",
    );
  }
  if (chosen.length < count) {
    throw new UserError(
      "E_TASK_FILES",
      `${first.path}: ${chosen.length} of the ${count} files of the split "${first.split}" are here`,
      "Fetch the others too: a part of a task is another task.",
    );
  }
  return { role: first.role, split: first.split, paths: chosen.map(({ path }) => path), subset: first.subset };
}

function listEntries(folder: string, passHidden?: (entry: Dirent) => void): Dirent[] {
  try {
    return listFolder(folder, passHidden);
  } catch (cause) {
    const { message } = cause as Error;
    throw new UserError("E_TASK_FOLDER", message, "Name the folder with the suite's files.", { cause });
  }
}

/** "SST-2", "sst2" and "sst_2" are one name. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
