// A published task read from a folder, checked: whatever the publisher's format, the same examples come out. A split that
// is not there is left out of the data; what is there must be whole and as the task says.

import { basename, dirname, join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import type { PassedOver } from "../../tables/passed-over.ts";
import type { Row } from "../../tables/row.ts";
import { heldAtMost, openTable } from "../../tables/table.ts";
import { readExamples } from "./examples.ts";
import type { Example, Split, Task, TaskData } from "./task.ts";
import { findTaskFolder, listTaskFiles, type SplitFiles } from "./task-files.ts";

export interface ReadTaskOptions {
  /** Whether the examples for a submission are read too. */
  readonly test?: boolean;
}

/**
 * Reads a task from the folder of its suite, or from its own. See `findTaskFolder` and `listTaskFiles` for what is found.
 * UserErrors: E_TASK_FOLDER, E_TASK_FILES, and those of `readTable` and `readExamples`.
 */
export async function readTask(task: Task, folder: string, options: ReadTaskOptions = {}): Promise<TaskData> {
  const trainedOn = task.published?.trainedOn;
  const passedOver: PassedOver[] = [];
  const files = [
    ...(trainedOn === undefined ? [] : findFiles(trainedOn, folder, []).filter(({ role }) => role === "train")),
    ...findFiles(task, folder, passedOver),
  ].filter(({ role }) => role !== "test" || options.test === true);
  for (const role of ["train", "validation"] as const) {
    if (files.some(file => file.role === role)) continue;
    throw new UserError(
      "E_TASK_FILES",
      `${findTaskFolder(task, folder) ?? folder}: no file for ${role} of ${task.title}`,
      `It is called ${role === "train" ? "train" : "dev or validation"}, with .tsv, .csv, .jsonl (also .gz) or .parquet.`,
    );
  }
  const hashes: string[] = [];
  const read = (split: SplitFiles): Promise<Example[]> => {
    const training = split.role === "train";
    const reader = training && trainedOn !== undefined ? trainedOn : task;
    return readExamples(reader, readRows(split.paths, reader, training, hashes), split.role !== "test");
  };
  const splits: (Split & Pick<SplitFiles, "role">)[] = [];
  for (const split of files) splits.push({ role: split.role, name: split.split, examples: await read(split) });
  const subsets = files.filter(({ subset }) => subset).flatMap(({ paths }) => paths.map(shortName));
  return {
    task,
    train: splits.find(({ role }) => role === "train")!.examples,
    validation: splits.filter(({ role }) => role === "validation").map(({ name, examples }) => ({ name, examples })),
    test: splits.filter(({ role }) => role === "test").map(({ name, examples }) => ({ name, examples })),
    subsets,
    passedOver,
    hash: contentHash(JSON.stringify(hashes)),
  };
}

/** The rows of files one after another; the name and hash of each is added to `hashes`. */
async function* readRows(
  paths: readonly string[],
  { published }: Task,
  training: boolean,
  hashes: string[],
): AsyncGenerator<Row[]> {
  const headerless = published?.headerless;
  for (const path of paths) {
    const table = openTable(path, {
      most: heldAtMost,
      ...(headerless === undefined ? {} : { headerless }),
      leaveOutShort: training && published?.brokenLines === true,
    });
    yield* table.rows;
    hashes.push(basename(path), table.hash());
  }
}

function findFiles(task: Task, folder: string, passedOver: PassedOver[]): SplitFiles[] {
  const taskFolder = findTaskFolder(task, folder);
  if (taskFolder !== undefined) return listTaskFiles(task, taskFolder, passedOver);
  throw new UserError(
    "E_TASK_FOLDER",
    `${folder}: no folder ${task.title} in it, and it is not called so itself`,
    `Name the folder that holds ${task.title}, or leave the task out.`,
  );
}

/** The folder and the name: "MNLI/train-subset.jsonl.gz". */
function shortName(path: string): string {
  return join(basename(dirname(path)), basename(path));
}
