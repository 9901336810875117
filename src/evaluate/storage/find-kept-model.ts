// Which finetuned model of a task is meant: of the seeds that were kept, the one with the best validation score. It was chosen by
// the examples it is scored on, so who shows its score shows those of the other seeds, too.

import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UserError } from "../../base/errors.ts";
import { listFolder } from "../../base/files/files.ts";
import { findRun } from "../../checkpoint/state.ts";
import { describeKeptModel, holdsModel } from "../../pretrained/kept-model.ts";
import { findKeptFolder } from "../../pretrained/pretrained-model.ts";
import { readResult } from "./evaluation-folder.ts";
import type { TaskResult } from "./result.ts";

export interface FoundModel {
  /** The seed's. */
  readonly folder: string;
  readonly result: TaskResult;
  /** Results of every seed of the same model, data and recipe, whether kept or not. */
  readonly seeds: readonly TaskResult[];
}

/** Suite, task and seed. */
const depth = 3;

/**
 * The kept model of a seed's folder; or of `task` in the folder of a run, of a checkpoint of it or of its evaluations. UserError
 * E_KEPT_MODEL where there is none, or where tasks of several suites have the name.
 */
export function findKeptModel(folder: string, task: string | undefined): FoundModel {
  const seed = findKeptFolder(folder);
  const inside = join(findRun(folder), "evaluations");
  const kept = seed === undefined ? listSeedFolders(existsSync(inside) ? inside : folder, depth) : [seed];
  const wanted = kept.filter(path => task === undefined || taskOf(path) === task.toLowerCase()).map(describe);
  if (wanted.length === 0) {
    const tasks = [...new Set(kept.map(taskOf))].join(", ") || "none at all";
    throw new UserError(
      "E_KEPT_MODEL",
      `${folder}: no finetuned model${task === undefined ? "" : ` of "${task}"`} was kept here; there is ${tasks}`,
      "Finetune it with cram evaluate … --keep-models.",
    );
  }
  const places = [...new Set(wanted.map(seed => dirname(seed.folder)))];
  if (places.length > 1) {
    throw new UserError("E_KEPT_MODEL", `${folder}: there are ${places.join(" and ")}`, "Name the folder of one seed.");
  }
  const best = wanted.reduce((a, b) => (scoreOf(b.result) > scoreOf(a.result) ? b : a));
  const seeds = listFolders(places[0]!)
    .flatMap(path => readResult(path) ?? [])
    .filter(({ control, hashes }) => control === "none" && isDeepStrictEqual(hashes, best.result.hashes));
  return { ...best, seeds };
}

/** The mean of the first metric over the splits; below every score where one is no number. */
function scoreOf({ splits, metrics }: TaskResult): number {
  const scores = splits.map(({ scores }) => scores[metrics[0]!] ?? Number.NaN);
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  return Number.isNaN(mean) ? Number.NEGATIVE_INFINITY : mean;
}

/** SUITE/TASK/SEED, as evaluation-folder.ts has it. */
const taskOf = (seedFolder: string) => basename(dirname(resolve(seedFolder)));

function describe(folder: string): Omit<FoundModel, "seeds"> {
  const { hashes } = describeKeptModel(folder);
  const result = readResult(folder);
  if (result !== undefined && isDeepStrictEqual(result.hashes, hashes)) return { folder, result };
  throw new UserError(
    "E_KEPT_MODEL",
    `${folder}: its result.json is missing, or of another model than model/`,
    "Run the same cram evaluate with --keep-models again.",
  );
}

function listSeedFolders(folder: string, levels: number): string[] {
  if (levels === 0) return [];
  return listFolders(folder).flatMap(path => (holdsModel(path) ? [path] : listSeedFolders(path, levels - 1)));
}

function listFolders(folder: string): string[] {
  return (
    listFolder(folder, "folder of evaluations")
      // What a writer has under way is hidden, and no seed.
      .filter(entry => entry.isDirectory() && !entry.name.startsWith("."))
      .map(({ name }) => join(folder, name))
      .sort()
  );
}
