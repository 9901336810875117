// Rows to examples of a task: the columns found under the names they have there, the label turned into a class. Whatever is
// not as the task says is refused with the row's place, because a label read wrongly shows nowhere but in the score.

import { UserError } from "../base/errors.ts";
import { listNames } from "../tables/named-columns.ts";
import type { Row, Value, Values } from "../tables/row.ts";
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
  for await (const rows of batches) {
    for (const { values, origin } of rows) {
      for (const flat of task.published?.unfold?.(values) ?? [values]) {
        const targets = labelled ? [readTarget(task, readColumn(task, task.label, flat, origin), origin)] : [];
        const texts = task.texts.map(column => readText(readColumn(task, column, flat, origin), column, origin));
        const { group } = task.published ?? {};
        const common = { id: readId(task, flat) ?? String(examples.length), texts, targets, origin };
        examples.push(group === undefined ? common : { ...common, group: String(flat[group]) });
      }
    }
  }
  return examples;
}

/** The class of a label, or the number to predict. UserError E_TASK_LABEL naming `origin`. */
export function readTarget(task: Task, value: Value, origin: string): number {
  const spelt = spellLabel(value);
  if (task.kind === "regression") {
    const number = spelt === undefined || spelt === "" ? Number.NaN : Number(spelt);
    if (Number.isFinite(number)) return number;
    throw new UserError(
      "E_TASK_LABEL",
      `${origin}: "${spelt ?? JSON.stringify(value)}" in the column "${task.label}" is not a number`,
      "A regression predicts numbers; correct the row, or make it a classification.",
    );
  }
  const place = spelt === undefined ? -1 : findLabel(task, spelt);
  if (place >= 0) return place;
  const known = task.labels.slice(0, 12).join(", ") + (task.labels.length > 12 ? ", …" : "");
  throw new UserError(
    "E_TASK_LABEL",
    task.published
      ? `${origin}: the label "${spelt ?? JSON.stringify(value)}" is none of ${task.title}'s (${known})`
      : `${origin}: the label "${spelt ?? JSON.stringify(value)}" was never seen in training (${known})`,
    "Correct the row, or leave it out.",
  );
}

/** A label as text; undefined for what cannot be one. */
export function spellLabel(value: Value): string | undefined {
  return value === null || typeof value === "object" ? undefined : String(value).trim();
}

/** The value of a column. UserError E_TASK_COLUMN, with the columns there are. */
export function readColumn(task: Task, column: string, values: Values, origin: string): Value {
  const names = listSpellings(task, column);
  const found = names.find(name => Object.hasOwn(values, name));
  if (found !== undefined) return values[found]!;
  const wanted = names.map(name => `"${name}"`).join(" or ");
  throw new UserError(
    "E_TASK_COLUMN",
    `${origin}: no column ${wanted}; there are ${listColumns(values)}`,
    task.published
      ? `${task.title} needs it; check that this is its file.`
      : "Name the columns with --text and --label.",
  );
}

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
  if (/^\d+$/.test(spelt)) return Number(spelt) < labels.length ? Number(spelt) : -1;
  return labels.findIndex(label => label.toLowerCase() === spelt.toLowerCase());
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
