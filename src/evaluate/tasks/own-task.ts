// Any table of texts and labels as a task. What it is is read off the labels of the training file: with a number that is no
// whole one it is a regression, else a classification of the labels that occur there; a label elsewhere that does not is
// refused. Labels are ordered as numbers where they are numbers, else as text, so a class does not depend on the rows' order.

import { basename, resolve } from "node:path";
import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import { countOf } from "../../base/printable.ts";
import type { Separator } from "../../tables/formats/separator.ts";
import type { Row } from "../../tables/row.ts";
import { heldAtMost, openTable, readTable } from "../../tables/table.ts";
import { readExamples, readLabels } from "./examples.ts";
import { holdOutExamples } from "./hold-out.ts";
import { findSpelling, type LabelSpelling } from "./labels.ts";
import type { Example, Task, TaskData } from "./task.ts";

export interface OwnTaskOptions {
  /** The file to train on: .tsv, .csv, .jsonl (also .gz) or .parquet. */
  readonly path: string;
  readonly texts: readonly string[];
  readonly label: string;
  /** Absent: a tenth of `path` is held out by `seed`. */
  readonly validation?: string;
  /** What parts the fields of a .csv, or of a .tsv with quotes; absent: as the first lines show. */
  readonly separator?: Separator;
  /** What the task is called; absent: as its file. */
  readonly name?: string;
  /** Examples to predict, without labels. */
  readonly test?: string;
  /** Absent: read off the labels. */
  readonly kind?: "classification" | "regression";
  readonly seed: number;
}

/**
 * Reads a user's task. UserErrors: those of `readTable` and `readExamples`; E_TASK_SMALL for too few examples or labels;
 * E_TASK_KIND for a classification with almost as many classes as examples.
 */
export async function readOwnTask(options: OwnTaskOptions): Promise<TaskData> {
  const { path, validation, test, seed, separator } = options;
  const form = separator === undefined ? {} : { separator };
  const { rows, hash } = await readTable(path, form);
  const { task, spelling } = describeOwnTask(options, rows);
  const examples = await readExamples(task, spellLabels(oneBatch(rows), task, spelling), true);
  const hashes = [hash];
  const read = async (file: string, labelled: boolean): Promise<Example[]> => {
    const table = openTable(file, { most: heldAtMost, ...form });
    const found = await readExamples(task, spellLabels(table.rows, task, spelling), labelled);
    hashes.push(table.hash());
    return found;
  };
  const split =
    validation === undefined
      ? holdOutExamples(examples, seed, path)
      : { train: examples, validation: await read(validation, true) };
  const predicted = test === undefined ? [] : [{ name: "test", examples: await read(test, false) }];
  return {
    task,
    source: resolve(path),
    train: split.train,
    validation: [{ name: "validation", examples: split.validation }],
    test: predicted,
    subsets: [],
    hash: contentHash(JSON.stringify([task, hashes, validation === undefined ? seed : "apart"])),
  };
}

/**
 * A file's name as a task's: lower case, without the ending of its format, anything but letters and digits as "-". All of the
 * stem: reviews.2023.csv and reviews.2024.csv are two tasks.
 */
export function nameOwnTask(path: string): string {
  const stem = basename(path)
    .replace(/\.(?:gz|zst)$/i, "")
    .replace(formatEnding, "");
  // One name however the file system spells its letters.
  return (
    stem
      .normalize("NFC")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "") || "task"
  );
}

const formatEnding = /(?<=.)\.(?:csv|tsv|jsonl?|ndjson|parquet|txt|conllu?|conll[x\d]*|bio|iob\d?)$/i;

function describeOwnTask(
  { path, texts, label, kind, name: given }: OwnTaskOptions,
  rows: readonly Row[],
): { task: Task; spelling: LabelSpelling } {
  const name = nameOwnTask(given ?? path);
  const regression: Task = {
    name,
    title: name,
    kind: "regression",
    texts,
    label,
    labels: [],
    metrics: ["pearson", "spearman"],
  };
  const found = readLabels(regression, rows);
  const spelling = findSpelling(found, label, kind);
  const spelt = found.map(({ value }) => String(spelling.spell(value)));
  if (rows.length > 1) refuseOneLabel(spelt, path);
  if (kind === "regression") return { task: regression, spelling };
  if (kind === undefined && spelling.kind === "numbers" && spelt.some(text => !/^-?\d+$/.test(text))) {
    return { task: regression, spelling };
  }
  refuseOneLabel(spelt, path);
  const labels = sortLabels(new Set(spelt), spelling);
  refuseNames(labels, rows.length, path, label, spelling);
  return { task: { ...regression, kind: "classification", labels, metrics: ["accuracy", "macro-f1"] }, spelling };
}

/** Of classes and of numbers: one value correlates with nothing. */
function refuseOneLabel(labels: readonly string[], path: string): void {
  if (labels.some(label => label !== labels[0])) return;
  throw new UserError(
    "E_TASK_SMALL",
    `${path}: every row has the label "${labels[0]}"; there is nothing to tell apart`,
    "Name a file with at least two labels.",
  );
}

function refuseNames(
  labels: readonly string[],
  rows: number,
  path: string,
  column: string,
  spelling: LabelSpelling,
): void {
  if (labels.length <= 20 || labels.length * 2 <= rows) return;
  throw new UserError(
    "E_TASK_KIND",
    `${path}: ${labels.length} different labels in ${countOf(rows, "row")} of the column "${column}", too many to be classes`,
    spelling.kind === "numbers"
      ? "Say that the numbers are to be predicted: --kind regression."
      : "Name another column.",
  );
}

/** Numbers by value, else by code units. */
function sortLabels(labels: ReadonlySet<string>, { kind }: LabelSpelling): string[] {
  const byUnits = (a: string, b: string) => (a < b ? -1 : 1);
  const byValue = (a: string, b: string) => (BigInt(a) < BigInt(b) ? -1 : 1);
  const isWhole = kind === "numbers" && [...labels].every(label => /^-?\d+$/.test(label));
  if (isWhole) return [...labels].sort(byValue);
  return [...labels].sort((a, b) => (kind === "numbers" && Number(a) - Number(b)) || byUnits(a, b));
}

/** The rows with their label in its one spelling. */
async function* spellLabels(
  batches: AsyncIterable<readonly Row[]>,
  { label }: Task,
  { spell }: LabelSpelling,
): AsyncGenerator<readonly Row[]> {
  for await (const rows of batches) {
    yield rows.map(row =>
      Object.hasOwn(row.values, label)
        ? { ...row, values: { ...row.values, [label]: spell(row.values[label]!) } }
        : row,
    );
  }
}

async function* oneBatch(rows: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield rows;
}
