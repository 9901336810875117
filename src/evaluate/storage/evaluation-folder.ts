// evaluations/<suite>/<task>/<seed-0 | untrained-seed-0 | majority>/: predictions.jsonl, worst.jsonl, confusion.txt and, written
// last, result.json. A folder whose result.json has the hashes of this model, data and recipe is finished and not run again. Where
// models are kept (kept-model.ts), model/ is a part of the result.

import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { listFolder, makeFolder, mostBytes, readJson, readText, writeFileAtomically } from "../../base/files/files.ts";
import { finishMoves, recoverFolder, replaceFiles } from "../../base/files/folder-draft.ts";
import { explainWriteFailure } from "../../base/files/write-failure.ts";
import { formatSealed, openSealed } from "../../base/sealed-json.ts";
import { keptModelPaths } from "../../pretrained/kept-model.ts";
import { type Variant, variantName } from "../finetuning/controls.ts";
import { formatConfusion } from "../scores/confusion.ts";
import type { Prediction, SplitPredictions } from "../scores/predictions.ts";
import type { Example, Task } from "../tasks/task.ts";
import { hasKeptModel } from "./keep-model.ts";
import { resultSchema, type TaskResult } from "./result.ts";

export interface ResultPlace {
  /** The folder evaluations/. */
  readonly root: string;
  readonly suite: string;
  readonly task: string;
  readonly variant: Variant;
}

export function folderOf({ root, suite, task, variant }: ResultPlace): string {
  return join(root, suite, task, variantName(variant));
}

/** Makes the folder of a suite's results. UserError E_NOT_WRITABLE where nothing can be stored. */
export function prepareFolder({ root, suite }: Pick<ResultPlace, "root" | "suite">): void {
  const folder = join(root, suite);
  makeFolder(folder);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw explainWriteFailure(error, folder);
  }
}

/**
 * The finished result there, if it is of these hashes, has predictions for these splits without labels, and has its model where
 * that is asked for: its parameters are nowhere else.
 */
export function findResult(
  place: ResultPlace,
  hashes: TaskResult["hashes"],
  test: readonly string[],
  needsModel: boolean,
): TaskResult | undefined {
  const result = readResult(folderOf(place));
  const isSame =
    result !== undefined &&
    (Object.keys(hashes) as (keyof typeof hashes)[]).every(key => result.hashes[key] === hashes[key]) &&
    test.every(name => result.test.includes(name));
  return isSame && (!needsModel || hasKeptModel(folderOf(place), hashes)) ? result : undefined;
}

/**
 * Refuses a task whose folder holds results of another file with other content, which would be replaced. UserError E_TASK_TAKEN.
 */
export function refuseTaken({ root, suite, task }: Omit<ResultPlace, "variant">, source: string, data: string): void {
  const folder = join(root, suite, task);
  for (const variant of listFolders(folder)) {
    const stored = readResult(join(folder, variant));
    if (stored?.source === undefined || stored.source === source || stored.hashes.data === data) continue;
    throw new UserError(
      "E_TASK_TAKEN",
      `${folder}: holds the results of ${stored.source}, which is called the same as ${source}`,
      "Give this task a name of its own with --name; or, if that file is now here, remove this folder.",
    );
  }
}

/**
 * The result there whatever its hashes; undefined where there is none, one that this version did not write, or one that is just being
 * written. UserErrors of recoverFolder, where a writer was killed.
 */
export function readResult(folder: string): TaskResult | undefined {
  try {
    recoverFolder(folder);
  } catch (error) {
    if (error instanceof UserError && error.code === "E_FOLDER_BUSY") return undefined;
    throw error;
  }
  try {
    return resultSchema.safeParse(openSealed(readJson(join(folder, "result.json"), "result", mostBytes.ofLines))).data;
  } catch {
    return undefined;
  }
}

/**
 * The finished results of a suite for one model and recipe. Of a task whose data changed between its seeds, those on the data of
 * its first seed, which is always run first.
 */
export function listResults(
  { root, suite }: Pick<ResultPlace, "root" | "suite">,
  { model, recipe }: Pick<TaskResult["hashes"], "model" | "recipe">,
): TaskResult[] {
  const folder = join(root, suite);
  return listFolders(folder).flatMap(task => {
    const results = listFolders(join(folder, task))
      .flatMap(variant => readResult(join(folder, task, variant)) ?? [])
      .filter(({ hashes }) => hashes.model === model && hashes.recipe === recipe);
    const first = results.find(({ control, seed }) => control === "none" && seed === 0) ?? results[0];
    return results.filter(({ hashes }) => hashes.data === first?.hashes.data);
  });
}

function listFolders(path: string): string[] {
  return listFolder(path, "folder of evaluations")
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** What saveResult writes, by paths in a seed's folder. */
const resultPaths = ["result.json", "predictions.jsonl", "worst.jsonl", "confusion.txt", ...keptModelPaths];

/**
 * Puts a result in the place of the one that stood there, as one: whoever is killed here leaves the old one or the new one. `keep`
 * writes what else is to be there, into the folder it is given. The caller holds the lock of the seed's folder.
 */
export async function saveResult(
  place: ResultPlace,
  task: Task,
  result: TaskResult,
  {
    validation,
    test,
  }: { readonly validation: readonly SplitPredictions[]; readonly test: readonly SplitPredictions[] },
  keep: (folder: string) => Promise<void> = async () => {},
): Promise<void> {
  const target = folderOf(place);
  finishMoves(target);
  await replaceFiles(target, { own: resultPaths, last: "result.json" }, async folder => {
    writeResult(folder, task, result, validation, test);
    await keep(folder);
  });
}

function writeResult(
  folder: string,
  task: Task,
  result: TaskResult,
  validation: readonly SplitPredictions[],
  test: readonly SplitPredictions[],
): void {
  const lines = [
    ...validation.flatMap(split => describePredictions("validation", split, task)),
    ...test.flatMap(split => describePredictions("test", split, task)),
  ];
  writeFileAtomically(join(folder, "predictions.jsonl"), joinLines(lines));
  writeFileAtomically(join(folder, "worst.jsonl"), joinLines(validation.flatMap(split => describeWorst(split, task))));
  const matrices = result.splits.filter(({ confusion }) => confusion.length > 0);
  if (matrices.length > 0) {
    const print = ({ name, confusion }: TaskResult["splits"][number]) =>
      `${name}\n${formatConfusion({ labels: task.labels, counts: confusion })}\n`;
    writeFileAtomically(join(folder, "confusion.txt"), matrices.map(print).join("\n"));
  }
  writeFileAtomically(join(folder, "result.json"), formatSealed(result));
}

/** Predictions of a split as predictions.jsonl holds them: ids, and classes or numbers as predicted. */
export interface StoredPrediction {
  readonly set: "validation" | "test";
  readonly split: string;
  readonly id: string;
  /** Classes by number, or numbers. */
  readonly values: readonly number[];
}

/** UserError E_PREDICTIONS when the file is not what result.json promises. */
export function readPredictions(place: ResultPlace): StoredPrediction[] {
  const folder = folderOf(place);
  const path = join(folder, "predictions.jsonl");
  recoverFolder(folder);
  try {
    const lines = readText(path, "list of predictions", mostBytes.ofLongest)
      .split("\n")
      .filter(line => line !== "");
    return lines.map(line => {
      const { set, split, id, values } = JSON.parse(line) as StoredPrediction;
      return { set, split, id, values };
    });
  } catch (cause) {
    throw new UserError(
      "E_PREDICTIONS",
      `${path}: cannot be read as predictions: ${(cause as Error).message}`,
      "Remove this folder and run the same command again.",
      { cause },
    );
  }
}

const joinLines = (values: readonly unknown[]): string => values.map(value => `${JSON.stringify(value)}\n`).join("");

function describePredictions(
  set: StoredPrediction["set"],
  { name, examples, predictions }: SplitPredictions,
  task: Task,
) {
  return examples.map(({ example }, i) => ({
    set,
    split: name,
    ...describePrediction(example, predictions[i]!, task),
  }));
}

function describePrediction(example: Example, { values, probabilities, loss }: Prediction, task: Task) {
  const spell = (value: number) => (task.kind === "regression" ? round(value) : (task.labels[value] ?? value));
  return {
    id: example.id,
    values: values.map(value => (task.kind === "regression" ? round(value) : value)),
    predicted: values.map(spell),
    ...(example.targets.length > 0 && { expected: example.targets.map(spell), loss: round(loss) }),
    ...(probabilities.length > 0 && { probabilities: probabilities.map(round) }),
  };
}

const worstKept = 20;

/** The examples with the highest loss, their texts beside them. */
function describeWorst({ name, examples, predictions }: SplitPredictions, task: Task) {
  return examples
    .map(({ example }, i) => ({ example, prediction: predictions[i]! }))
    .filter(({ prediction }) => !Number.isNaN(prediction.loss))
    .sort((a, b) => b.prediction.loss - a.prediction.loss)
    .slice(0, worstKept)
    .map(({ example, prediction }) => ({
      split: name,
      ...describePrediction(example, prediction, task),
      texts: example.texts,
      origin: example.origin,
    }));
}

/** Six digits are more than a finetuning determines. */
const round = (value: number): number => Number(value.toPrecision(6));
