// Downstream scores as tables: for the page one a suite, a row a model and the published rows last; for files one row a score.

import { countOf } from "../../base/printable.ts";
import type { IntervalChart } from "../charts/interval-chart.ts";
import type { Evaluation } from "../runs/evaluations.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { listColumns, listRows, listSuites, type NamedRow, titleOf } from "./scores.ts";
import type { Cell, Column, Table } from "./table.ts";

export interface SuiteScores {
  readonly table: Table;
  readonly chart: IntervalChart;
  /** What the marks mean. */
  readonly notes: readonly string[];
}

/** For each suite that some run was evaluated on: medians in percent, the extremes over seeds behind them. */
export function tabulateScores(runs: readonly RunRecord[]): SuiteScores[] {
  return listSuites(runs).map(suite => {
    const rows = listRows(runs, suite);
    const columns = listColumns(runs, suite);
    const title = titleOf(runs, suite);
    const seeds = new Set(
      rows.filter(({ kind }) => kind === "none").flatMap(({ cells }) => [...cells.values()].map(cell => cell.seeds)),
    );
    const table: Table = {
      id: `scores-${suite}`,
      caption: `${title}, percent`,
      columns: [
        { key: "model", name: "model", quantity: "text" },
        ...columns.map(
          ({ name, title: shown, metric }): Column => ({ key: name, name: `${shown}, ${metric}`, quantity: "text" }),
        ),
        { key: "average", name: "average", quantity: "text" },
      ],
      rows: rows.map(row => [
        row.shownName,
        ...columns.map(({ name }) => describeCell(row, name)),
        describeAverage(row),
      ]),
    };
    return {
      table,
      chart: drawScores(title, suite, rows, columns),
      notes: [
        describeSeeds([...seeds]),
        ...describeSubsets(rows, columns),
        ...describeAverages(rows),
        ...describeNone(rows),
      ],
    };
  });
}

/** Medians as dots on the line between the extremes over seeds. */
function drawScores(
  title: string,
  suite: string,
  rows: readonly NamedRow[],
  columns: Evaluation["columns"],
): IntervalChart {
  const own = rows.filter(({ run }) => run !== undefined);
  const published = rows.filter(({ run }) => run === undefined);
  return {
    // A folder's name, made fit for a file's and an id.
    id: `scores-${suite.replace(/[^a-z0-9-]/gi, "_")}`,
    title: `${title} scores`,
    description: "Each model's median score in percent and its lowest and highest seed. The table has the numbers.",
    models: own.map(({ shownName, run, kind }) => ({ name: shownName, run: run!, isFilled: kind === "none" })),
    bands: columns.map(({ name, title: shown }) => ({
      name: shown,
      intervals: own.map(({ cells }) => {
        const cell = cells.get(name);
        if (cell === undefined || Number.isNaN(cell.median)) return undefined;
        return { low: cell.minimum, value: cell.median, high: cell.maximum };
      }),
      marks: published.flatMap(row => {
        const value = row.cells.get(name)?.median;
        return value === undefined || Number.isNaN(value) ? [] : [{ name: row.name, value }];
      }),
    })),
    marksName: published.length === 0 ? "nothing published to compare with" : "published rows of the table",
  };
}

/** One row a score, of all suites; all that is known of its spread. */
export function tabulateEachScore(runs: readonly RunRecord[]): Table {
  const columns: Column[] = [
    ...["suite", "model", "kind", "score", "metric"].map((key): Column => ({ key, name: key, quantity: "text" })),
    ...[
      "median",
      "minimum",
      "maximum",
      "seeds",
      "lowOverSeeds",
      "highOverSeeds",
      "lowOverExamples",
      "highOverExamples",
    ].map((key): Column => ({ key, name: key, quantity: "number" })),
    { key: "subset", name: "not the published data, but", quantity: "text" },
  ];
  const rows = listSuites(runs).flatMap(suite =>
    listRows(runs, suite).flatMap(({ shownName, kind, cells, subsets }) =>
      listColumns(runs, suite).flatMap(({ name, metric }): Cell[][] => {
        const cell = cells.get(name);
        if (cell === undefined) return [];
        const { median, minimum, maximum, seeds, overSeeds, overExamples } = cell;
        const intervals = [overSeeds.low, overSeeds.high, overExamples.low, overExamples.high];
        return [
          [
            suite,
            shownName,
            kind,
            name,
            metric,
            median,
            minimum,
            maximum,
            seeds,
            ...intervals,
            subsets.get(name)?.join(", "),
          ],
        ];
      }),
    ),
  );
  return { id: "scores", caption: "Scores", columns, rows };
}

/** "56.5", over several seeds with "54.0 to 58.1" on a second line, with * on other data than the published. */
function describeCell({ cells, subsets }: NamedRow, name: string): string {
  const cell = cells.get(name);
  if (cell === undefined) return "–";
  const digits = (value: number) => (Number.isFinite(value) ? value.toFixed(1) : "none");
  const spread =
    cell.seeds > 1 && Number.isFinite(cell.median)
      ? `\n${digits(cell.minimum)}\u00a0to\u00a0${digits(cell.maximum)}`
      : "";
  return `${digits(cell.median)}${subsets.has(name) ? "*" : ""}${spread}`;
}

function describeAverage({ average }: NamedRow): string {
  if (average?.value === undefined) return "–";
  return `${average.value.toFixed(1)}${average.missing.length > 0 ? `/${average.count}` : ""}`;
}

function describeSeeds(seeds: readonly number[]): string {
  const many =
    seeds.length === 0
      ? ""
      : ` of ${seeds.reduce((a, b) => Math.min(a, b))}${seeds.length === 1 ? "" : ` to ${seeds.reduce((a, b) => Math.max(a, b))}`} seeds`;
  return `Medians${many}, below them the lowest and the highest seed; published rows are the papers' own.`;
}

function describeSubsets(rows: readonly NamedRow[], columns: Evaluation["columns"]): string[] {
  const reasons = new Set(
    rows.flatMap(({ subsets }) =>
      columns.flatMap(({ name, title }) => (subsets.has(name) ? [`${title}: ${subsets.get(name)!.join(", ")}`] : [])),
    ),
  );
  return [...reasons].map(reason => `* not the published data. ${reason}`);
}

function describeAverages(rows: readonly NamedRow[]): string[] {
  const partial = rows.filter(({ average }) => average?.value !== undefined && average.missing.length > 0);
  const notes = partial.map(
    ({ average }) =>
      `/${average!.count}: an average of ${countOf(average!.count, "score")}; missing ${average!.missing.join(", ")}`,
  );
  return [...new Set(notes)];
}

function describeNone(rows: readonly NamedRow[]): string[] {
  const isNone = rows.some(({ cells }) => [...cells.values()].some(({ median }) => Number.isNaN(median)));
  return isNone ? ["none: a score that is not defined, as a correlation with a constant is."] : [];
}
