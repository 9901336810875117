// A sweep as a page: read from its folder alone, so that it can be shown while trials run, and where the dataset is not.

import { basename, join, resolve } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { isPresent, writeFileAtomically } from "../../base/files/files.ts";
import { countOf } from "../../base/printable.ts";
import type { DifferenceChart } from "../../report/charts/difference-chart.ts";
import type { LineChart } from "../../report/charts/line-chart.ts";
import type { Series } from "../../report/charts/series.ts";
import { renderSweepCharts, renderSweepPage, type SweepPage } from "../../report/page/sweep-page.ts";
import { readCurves } from "../../report/runs/curves.ts";
import { saveChartFiles, saveTables } from "../../report/save.ts";
import { type Table, tabulate } from "../../report/tables/table.ts";
import { type Compared, compareVariations, type Measure, measureOf } from "../../sweep/comparison.ts";
import { measureImportances } from "../../sweep/importance.ts";
import { baseName, listVariations, type Variation, type WrittenSweep } from "../../sweep/sweep.ts";
import {
  describeLowest,
  explainTable,
  formatCsv,
  formatLatex,
  formatMarkdown,
  judge,
} from "../../sweep/sweep-table.ts";
import { latestOf, listTrials, readTrialRecord, type Trial, type TrialRecord } from "../../sweep/trial.ts";
import { describeLikeBase } from "../sweep/plan-trials.ts";
import { readSweep } from "../sweep/sweep.ts";
import type { ReportOptions, WrittenReport } from "./report-places.ts";

interface Read {
  readonly trial: Trial;
  readonly record: TrialRecord;
}

/** The places are checked by the caller. UserErrors: E_SWEEP, E_PNG, those of reading the sweep and its events. */
export async function reportSweep(
  folder: string,
  { out = "report.html", charts, data, table }: ReportOptions,
): Promise<WrittenReport> {
  const sweep = readSweep(folder);
  const all = listVariations(sweep);
  const variations = all.filter(({ name }) => !sweep.likeBase.includes(name));
  const trials = variations.flatMap(variation =>
    listTrials(folder, variation, sweep.seeds).map((trial): Read => ({ trial, record: readTrialRecord(trial) })),
  );
  const results = trials.flatMap(({ record }) => latestOf(record) ?? []);
  const compared = compareVariations(
    variations.map(({ name }) => name),
    results,
    measureOf(sweep),
  );
  const open = trials.length - results.length;
  const missing =
    open === 0 ? [] : [`${open} of ${countOf(trials.length, "trial")} ${open === 1 ? "has" : "have"} no result yet`];
  const notes = [...missing, ...sweep.likeBase.map(describeLikeBase)];
  const page: SweepPage = {
    title: `Sweep: ${basename(resolve(folder))}`,
    date: systemClock.date().toISOString().slice(0, 16).replace("T", " "),
    verdict: describeLowest(compared),
    notes,
    table: tabulateComparison(compared),
    explanation: explainTable(compared),
    differences: drawDifferences(compared, measureOf(sweep)),
    curves: drawCurves(variations, trials, measureOf(sweep)),
    search: describeSearch(sweep, all, trials),
    trials: tabulateTrials(trials, measureOf(sweep)),
    texts: [
      { name: "Markdown", text: formatMarkdown(compared) },
      { name: "LaTeX", text: formatLatex(compared) },
      { name: "CSV", text: formatCsv(compared) },
    ],
  };
  writeFileAtomically(out, renderSweepPage(page));
  if (table !== undefined) {
    writeFileAtomically(table, table.endsWith(".md") ? formatMarkdown(compared) : formatLatex(compared));
  }
  return {
    page: out,
    runs: results.map(({ variation, seed }) => `${variation}, seed ${seed}`),
    data: data === undefined ? [] : saveNumbers(page, compared, data),
    charts: charts === undefined ? [] : await saveChartFiles(style => renderSweepCharts(page, style), charts),
    notes,
    failure: undefined,
  };
}

function saveNumbers({ trials, search }: SweepPage, compared: readonly Compared[], folder: string): string[] {
  const texts = { "table.md": formatMarkdown, "table.csv": formatCsv, "table.tex": formatLatex };
  const paths = Object.entries(texts).map(([name, format]) => {
    writeFileAtomically(join(folder, name), format(compared));
    return join(folder, name);
  });
  return [...paths, ...saveTables([trials, ...(search === undefined ? [] : [search.table])], folder)];
}

/** Columns in which something stands. What is compared with nothing is in the order of its losses. */
function tabulateComparison(compared: readonly Compared[]): Table {
  const hasBase = compared.some(({ difference }) => difference !== undefined);
  const lossOf = ({ mean }: Compared) => mean ?? Number.POSITIVE_INFINITY;
  const rows = hasBase ? compared : [...compared].sort((a, b) => Math.sign(lossOf(a) - lossOf(b)) || 0);
  const table = tabulate({ id: "comparison", caption: "Every variation" }, rows, [
    { key: "change", name: "change", quantity: "text", of: ({ name }) => name },
    { key: "count", name: "n", quantity: "count", of: ({ count }) => count },
    { ...(compared[0]?.measure === "bits per byte" ? bits : loss), of: ({ mean }) => mean },
    { key: "deviation", name: "sd", quantity: "nats", of: ({ deviation }) => deviation },
    { key: "difference", name: "difference", quantity: "nats", of: ({ difference }) => difference?.mean },
    { key: "low", name: "95 % from", quantity: "nats", of: ({ difference }) => difference?.low },
    { key: "high", name: "to", quantity: "nats", of: ({ difference }) => difference?.high },
    { key: "p", name: "p", quantity: "number", of: ({ difference }) => round(difference?.p) },
    { key: "adjusted", name: "p among all", quantity: "number", of: ({ adjusted }) => round(adjusted) },
    {
      ...{ key: "verdict", name: "verdict", quantity: "text" },
      of: ({ difference, adjusted }) => (difference === undefined ? "" : judge(difference.mean, adjusted!) || "noise"),
    },
    { key: "steps", name: "steps", quantity: "steps", of: ({ steps }) => steps },
    { key: "tokens", name: "tokens", quantity: "tokens", of: ({ tokens }) => tokens },
    { key: "seconds", name: "time", quantity: "seconds", of: ({ seconds }) => seconds },
    { key: "failed", name: "without an end", quantity: "text", of: ({ failed }) => failed.join(", ") },
  ]);
  const used = table.columns.map((_, i) => table.rows.some(cells => cells[i] !== undefined && cells[i] !== ""));
  const keep = <Item>(items: readonly Item[]) => items.filter((_, i) => used[i]);
  return { ...table, columns: keep(table.columns), rows: table.rows.map(keep) };
}

const loss = { key: "loss", name: "loss", quantity: "nats" } as const;
/** As many digits as of nats. */
const bits = { key: "bitsPerByte", name: "bits per byte", quantity: "nats" } as const;

const round = (p: number | undefined) => (p === undefined ? undefined : Number(p.toPrecision(2)));

function tabulateTrials(trials: readonly Read[], measure: Measure) {
  const scored = measure === "nats" ? [] : [{ ...bits, of: ({ record }: Read) => record.result?.score?.bitsPerByte }];
  return tabulate({ id: "trials", caption: "Every trial" }, trials, [
    { key: "change", name: "change", quantity: "text", of: ({ trial }) => trial.variation },
    { key: "seed", name: "seed", quantity: "count", of: ({ trial }) => trial.seed },
    ...scored,
    { ...loss, of: ({ record }) => record.result?.validationLoss },
    {
      ...{ key: "rungLoss", name: "where it was stopped", quantity: "nats" },
      of: ({ record }) => (record.result === undefined ? record.rungs.at(-1)?.rungLoss : undefined),
    },
    { key: "steps", name: "steps", quantity: "steps", of: ({ record }) => latestOf(record)?.steps },
    { key: "tokens", name: "tokens", quantity: "tokens", of: ({ record }) => latestOf(record)?.tokens },
    { key: "seconds", name: "time", quantity: "seconds", of: ({ record }) => latestOf(record)?.elapsedSeconds },
    { key: "reason", name: "ended by", quantity: "text", of: ({ record }) => latestOf(record)?.reason ?? "not yet" },
    { key: "message", name: "why", quantity: "text", of: ({ record }) => record.result?.message },
  ]);
}

function drawDifferences(compared: readonly Compared[], measure: Measure): DifferenceChart | undefined {
  const rows = compared
    .flatMap(({ name, difference, adjusted }) =>
      difference === undefined
        ? []
        : [{ name, ...difference, value: difference.mean, verdict: judge(difference.mean, adjusted!) }],
    )
    .sort((a, b) => a.value - b.value);
  if (rows.length === 0) return undefined;
  const told = rows.filter(({ verdict }) => verdict !== "").map(({ name, verdict }) => `${name}: ${verdict}`);
  return {
    id: "differences",
    title: `${measure === "nats" ? "Held-out loss" : "Bits per byte"} against the base`,
    description: `The best first. ${told.length === 0 ? "None is told from noise." : `${told.join("; ")}.`}`,
    axis: `${measure === "nats" ? "nats per token" : measure}, 95 %; left is better`,
    rows,
  };
}

/** A line a variation, the mean of its seeds at each validation that all of them have. */
function drawCurves(variations: readonly Variation[], trials: readonly Read[], measure: Measure): LineChart[] {
  const read = variations.flatMap(({ name }, run) => {
    const own = trials.flatMap(({ trial }) => {
      const events = join(trial.folder, "run", "events.jsonl");
      return trial.variation === name && isPresent(events, "run's events") ? [readCurves(events).validations] : [];
    });
    const length = Math.min(...own.map(({ loss }) => loss.length));
    if (own.length === 0 || length === 0) return [];
    const mean = (column: "loss" | "elapsedSeconds" | "tokens") =>
      Array.from({ length }, (_, i) => own.reduce((sum, curves) => sum + curves[column][i]!, 0) / own.length);
    return [{ name, run, loss: mean("loss"), elapsedSeconds: mean("elapsedSeconds"), tokens: mean("tokens") }];
  });
  if (read.length === 0) return [];
  const draw = (id: string, name: string, column: "elapsedSeconds" | "tokens", quantity: "seconds" | "tokens") => ({
    ...{ width: 900, id, title: `Held-out loss by ${name}` },
    description: `Means of the seeds${measure === "nats" ? "" : "; of other tokenizers no comparison"}. ${read.map(each => `${each.name}: ${each.loss.at(-1)!.toFixed(4)}`).join("; ")}.`,
    x: { name, quantity, kind: "linear" as const },
    y: { name: "loss", quantity: "nats" as const, kind: "linear" as const },
    series: read.map(
      (each): Series => ({ name: each.name, run: each.run, style: "line", x: each[column], y: each.loss }),
    ),
  });
  return [
    draw("loss-by-time", "time", "elapsedSeconds", "seconds"),
    draw("loss-by-tokens", "tokens", "tokens", "tokens"),
  ];
}

/** Of what a grid, random or Sobol drew; trials of halving are compared at the first rung, where all of them were. */
function describeSearch(
  sweep: WrittenSweep,
  variations: readonly Variation[],
  trials: readonly Read[],
): SweepPage["search"] {
  const lines = variations
    .filter(({ name }) => name !== baseName && !Object.hasOwn(sweep.variations, name))
    .flatMap(({ name, set }) => {
      // One that is the base by another name was trained as the base.
      const trained = sweep.likeBase.includes(name) ? baseName : name;
      const losses = trials.flatMap(({ trial, record }) =>
        trial.variation === trained ? (record.rungs[0]?.rungLoss ?? record.result?.validationLoss ?? []) : [],
      );
      if (losses.length === 0) return [];
      return [{ name, settings: readSettings(set), loss: losses.reduce((sum, each) => sum + each, 0) / losses.length }];
    });
  if (lines.length < 2) return undefined;
  const importances = measureImportances(
    lines.map(({ settings }) => settings),
    lines.map(({ loss }) => loss),
  );
  const where = sweep.halving === undefined ? "at the end" : "at the first rung";
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return {
    chart: {
      id: "search",
      title: "Settings and the loss that they led to",
      description: `A line a trial, the best quarter in colour. ${importances.map(({ path, explained }) => `${path} explains ${percent(explained)}`).join("; ")}.`,
      axes: [
        ...importances.map(({ path, explained }) => ({ name: path, detail: `explains ${percent(explained)}` })),
        { name: "loss", detail: where },
      ],
      lines: lines.map(({ name, settings, loss }) => ({
        name,
        values: [...importances.map(({ path }) => settings.get(path)), loss],
      })),
    },
    table: tabulate({ id: "importances", caption: "What each setting explains by itself" }, importances, [
      { key: "setting", name: "setting", quantity: "text", of: ({ path }) => path },
      { key: "explained", name: "of the losses' ranks", quantity: "share", of: ({ explained }) => explained },
    ]),
    explanation: `Loss ${where}, of ${lines.length} trials. Explained is the share of the variance of the losses' ranks: of numbers by a parabola in their ranks, of names by groups. With few trials even a setting that does nothing explains some: about ${percent(2 / (lines.length - 1))} of a number.`,
  };
}

function readSettings(set: readonly string[]): ReadonlyMap<string, string | number | boolean> {
  return new Map(
    set.map(assignment => {
      const [path, text] = [
        assignment.slice(0, assignment.indexOf("=")),
        assignment.slice(assignment.indexOf("=") + 1),
      ];
      const number = Number(text);
      return [path, text.trim() !== "" && Number.isFinite(number) ? number : text];
    }),
  );
}
