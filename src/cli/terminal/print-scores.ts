// Scores as lines of text: one for a finished seed, and at the end the table of the model's scores and the one beside published
// rows.

import { countOf } from "../../base/printable.ts";
import type { Variant } from "../../evaluate/finetuning/controls.ts";
import type { Cell, Row, Scoreboard } from "../../evaluate/scores/scoreboard.ts";
import type { TaskResult } from "../../evaluate/storage/result.ts";

const percent = (share: number): string => spell(100 * share);

/** "none" for a score that is not defined. */
const spell = (value: number): string => (Number.isNaN(value) ? "none" : value.toFixed(1));

const spellMedian = (cell: Cell | undefined): string | undefined => cell && spell(cell.median);

/** "MRPC untrained seed 0". */
export function nameVariant(title: string, { control, seed }: Variant): string {
  if (control === "majority") return `${title} majority`;
  return `${title} ${control === "untrained" ? "untrained " : ""}seed ${seed}`;
}

/** "MRPC seed 0: f1 81.2 (79.0 to 83.1), accuracy 70.3; 1145 steps, 12.1 steps/s". */
export function describeResult({ title, control, seed, splits, metrics, training }: TaskResult): string {
  const describeSplit = ({ name, scores, interval }: TaskResult["splits"][number]) => {
    const [first, ...others] = metrics.map(metric => `${metric} ${percent(scores[metric] ?? Number.NaN)}`);
    const range = `(${percent(interval.low)} to ${percent(interval.high)})`;
    return [`${splits.length > 1 ? `${name} ` : ""}${first} ${range}`, ...others].join(", ");
  };
  const speed =
    training.steps > 0
      ? `; ${countOf(training.steps, "step")}, ${(training.steps / training.stepSeconds).toFixed(1)} steps/s`
      : "";
  return `${nameVariant(title, { control, seed })}: ${splits.map(describeSplit).join("; ")}${speed}`;
}

/** The model's scores, one a line: median, extremes over seeds, interval over examples, and the controls. */
export function formatScores({ columns, rows, subsets }: Scoreboard): string {
  const find = (kind: Row["kind"]) => rows.find(row => row.kind === kind);
  const [model, untrained, majority] = [find("none"), find("untrained"), find("majority")];
  const median = (row: Row | undefined, name: string) => spellMedian(row?.cells[name]) ?? "";
  const range = (cell: Cell | undefined, low: number | undefined, high: number | undefined) =>
    cell === undefined || low === undefined || high === undefined || Number.isNaN(low)
      ? ""
      : `${low.toFixed(1)} to ${high.toFixed(1)}`;
  const header = ["", "metric", "median", "seeds", "lowest to highest", "95 % over examples"];
  const body = columns.map(({ name, title, metric }) => {
    const cell = model?.cells[name];
    return [
      `${title}${subsets[name] === undefined ? "" : "*"}`,
      metric,
      median(model, name),
      cell === undefined ? "" : String(cell.seeds),
      range(cell, cell?.minimum, cell?.maximum),
      range(cell, cell?.overExamples.low, cell?.overExamples.high),
      ...(untrained === undefined ? [] : [median(untrained, name)]),
      ...(majority === undefined ? [] : [median(majority, name)]),
    ];
  });
  const controls = [...(untrained === undefined ? [] : ["untrained"]), ...(majority === undefined ? [] : ["majority"])];
  return alignColumns([[...header, ...controls], ...body], 2);
}

/** One row a model: the suite's scores and their average, the published ones below. */
export function formatComparison({ columns, rows, subsets }: Scoreboard): string {
  const header = [
    "",
    ...columns.map(({ name, title }) => `${title}${subsets[name] === undefined ? "" : "*"}`),
    "average",
  ];
  const body = rows.map(({ name, cells, average }) => [
    name,
    ...columns.map(column => spellMedian(cells[column.name]) ?? "-"),
    average?.value === undefined
      ? "-"
      : `${average.value.toFixed(1)}${average.missing.length > 0 ? `/${average.count}` : ""}`,
  ]);
  return alignColumns([header, ...body], 1);
}

/** What the marks of the tables mean. */
export function formatNotes({ columns, rows, subsets }: Scoreboard): string[] {
  const byReason = new Map<string, string[]>();
  for (const { name, title } of columns) {
    const reason = subsets[name]?.join(", ");
    if (reason !== undefined) byReason.set(reason, [...(byReason.get(reason) ?? []), title]);
  }
  const partial = rows.flatMap(({ average }) =>
    average?.value !== undefined && average.missing.length > 0
      ? [`/${average.count}: an average of ${countOf(average.count, "score")}; missing ${average.missing.join(", ")}`]
      : [],
  );
  const isNone = rows.some(({ cells }) => Object.values(cells).some(cell => cell && Number.isNaN(cell.median)));
  return [
    ...[...byReason].map(([reason, titles]) => `* ${titles.join(", ")}: not the published data, but ${reason}`),
    ...new Set(partial),
    ...(isNone ? ["none: a score that is not defined, as a correlation with a constant is"] : []),
  ];
}

/** Rows of equal length in columns; the first `left` of them stand at the left. */
function alignColumns(rows: readonly (readonly string[])[], left: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows
    .map(row => row.map((cell, i) => (i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "))
    .map(line => line.trimEnd())
    .join("\n");
}
