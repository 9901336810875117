// Rows to examples of a task: the columns found under the names they have there, the label turned into a class. Whatever is
// not as the task says is refused with the row's place, because a label read wrongly shows nowhere but in the score.

import { UserError } from "../../base/errors.ts";
import { quoteValue } from "../../base/printable.ts";
import { listNames } from "../../tables/formats/named-columns.ts";
import type { Row, Value, Values } from "../../tables/row.ts";
import { canonicalNumber, type FoundLabel, spellLabel } from "./labels.ts";
import type { Example, Task } from "./task.ts";

const idColumns = ["idx", "index", "id"];

/**
 * Reads rows as examples; with `labelled` false their label is not looked at.
 * UserErrors, each naming file and row: E_TASK_COLUMN, E_TASK_TEXT, E_TASK_LABEL.
 */
export async function readExamples(
  task: Task,
  batches: AsyncIterable<readonly Row[]>,
  labelled: boolean,
): Promise<Example[]> {
  const examples: Example[] = [];
  const columns = [...(labelled ? [task.label] : []), ...task.texts];
  let lacking: Lacking | undefined;
  for await (const rows of batches) {
    for (const { values, origin } of rows) {
      for (const flat of task.published?.unfold?.(values) ?? [values]) {
        const lacks = (name: string): boolean => findColumn(task, name, flat) === undefined;
        // Of the first row's, the others say whether it is the file's.
        if (lacking !== undefined) {
          if (!lacks(lacking.column)) throw refuseRow(task, lacking);
          continue;
        }
        const column = columns.find(lacks);
        if (column !== undefined) {
          lacking = { column, values: flat, origin };
          if (examples.length > 0) throw refuseRow(task, lacking);
          continue;
        }
        const targets = labelled ? [readTarget(task, flat, origin)] : [];
        const texts = task.texts.map(name => readText(readColumn(task, name, flat), name, origin));
        if (labelled && texts.every(text => text.trim() === "")) throw explainEmpty(task, origin);
        const { group } = task.published ?? {};
        const common = { id: readId(task, flat) ?? String(examples.length), texts, targets, origin };
        examples.push(group === undefined ? common : { ...common, group: String(flat[group]) });
      }
    }
  }
  if (lacking !== undefined) throw refuseFile(task, lacking);
  return examples;
}

/** A row without a column. */
interface Lacking {
  readonly column: string;
  readonly values: Values;
  readonly origin: string;
}

/** The labels of a user's rows, with their places. UserErrors E_TASK_COLUMN, E_TASK_LABEL. */
export function readLabels(task: Task, rows: readonly Row[]): FoundLabel[] {
  const column = task.label;
  return rows.map(({ values, origin }) => {
    if (findColumn(task, column, values) !== undefined) return { value: readColumn(task, column, values), origin };
    const isElsewhere = rows.some(row => findColumn(task, column, row.values) !== undefined);
    throw (isElsewhere ? refuseRow : refuseFile)(task, { column, values, origin });
  });
}

/** The class of a label, or the number to predict. UserError E_TASK_LABEL naming `origin`. */
function readTarget(task: Task, values: Values, origin: string): number {
  const value = readColumn(task, task.label, values);
  const spelt = spellLabel(value);
  const shown = quoteValue(spelt ?? value, 60);
  const hidden = spelt !== undefined && canonicalNumber(spelt) === "-1" && task.published !== undefined;
  const advice = hidden
    ? "-1 stands where a label is kept hidden: this is a file of test examples; fetch the one for training or validation."
    : "Correct the row, or leave it out.";
  if (task.kind === "regression") {
    const number = Number(canonicalNumber(spelt ?? "") ?? Number.NaN);
    const [least, most] = task.published?.range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    if (number >= least && number <= most) return number;
    const seen = Number.isNaN(number) ? "is not a number" : `is not from ${least} to ${most}, as ${task.title}'s are`;
    throw new UserError(
      "E_TASK_LABEL",
      `${origin}: ${shown} in the column "${findColumn(task, task.label, values)}" ${seen}`,
      advice,
    );
  }
  const place = spelt === undefined ? -1 : findLabel(task, spelt);
  if (place >= 0) return place;
  const known = listNames(task.labels);
  throw new UserError(
    "E_TASK_LABEL",
    task.published
      ? `${origin}: the label ${shown} is none of ${task.title}'s (${known})`
      : `${origin}: the label ${shown} was never seen in training (${known})`,
    advice,
  );
}

/** The value of a column that is there. */
const readColumn = (task: Task, column: string, values: Values): Value => values[findColumn(task, column, values)!]!;

/** E_TASK_COLUMN: no row has the column. */
function refuseFile(task: Task, { column, values, origin }: Lacking): UserError {
  return new UserError(
    "E_TASK_COLUMN",
    `${origin}: no column ${showSpellings(task, column)}; there are ${listColumns(values)}`,
    task.published
      ? `${task.title} needs it; check that this is its file.`
      : "Name the columns with --text and --label.",
  );
}

/** E_TASK_LABEL or E_TASK_TEXT: other rows have the column. */
function refuseRow(task: Task, { column, values, origin }: Lacking): UserError {
  return new UserError(
    column === task.label ? "E_TASK_LABEL" : "E_TASK_TEXT",
    `${origin}: no ${showSpellings(task, column)} in this row, which other rows have; it has ${listColumns(values)}`,
    "Write it into the row, or leave the row out.",
  );
}

const showSpellings = (task: Task, column: string): string =>
  listSpellings(task, column)
    .map(name => `"${name}"`)
    .join(" or ");

/** The name that a row has for a column; publishers have their own. */
const findColumn = (task: Task, column: string, values: Values): string | undefined =>
  listSpellings(task, column).find(name => Object.hasOwn(values, name));

function listColumns(values: Values): string {
  return listNames(Object.keys(values)) || "none";
}

function listSpellings({ texts, published }: Task, column: string): string[] {
  if (published === undefined) return [column];
  const place = texts.indexOf(column);
  return [column, ...(published.columns?.[column] ?? []), ...(place < 0 ? [] : [`s${place + 1}`])];
}

function findLabel({ labels, published }: Task, spelt: string): number {
  const place = labels.indexOf(spelt);
  if (place >= 0 || published === undefined) return place;
  const number = canonicalNumber(spelt);
  if (number !== undefined) return /^\d+$/.test(number) && Number(number) < labels.length ? Number(number) : -1;
  return labels.findIndex(label => label.toLowerCase() === spelt.toLowerCase());
}

function explainEmpty({ texts }: Task, origin: string): UserError {
  return new UserError(
    "E_TASK_TEXT",
    `${origin}: an empty text in the column${texts.length > 1 ? "s" : ""} ${listNames(texts)}`,
    "There is nothing to learn from; correct the row, or leave it out.",
  );
}

function readText(value: Value, column: string, origin: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new UserError(
    "E_TASK_TEXT",
    `${origin}: the column "${column}" holds ${Array.isArray(value) ? "a list" : value === null ? "nothing" : "an object"}`,
    "A text is a string; correct the row, or name another column.",
  );
}

function readId({ texts, label }: Task, values: Values): string | undefined {
  const column = idColumns.find(name => Object.hasOwn(values, name) && !texts.includes(name) && name !== label);
  const value = column === undefined ? null : values[column]!;
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}
