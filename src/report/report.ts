// What a report is made of, before it is printed: charts and tables of some runs. The page and the files draw from it alike.

import { type BarChart, renderBarChart } from "./charts/bar-chart.ts";
import { type ChartGroup, listBarCharts, listChartGroups } from "./charts/charts.ts";
import { renderIntervalChart } from "./charts/interval-chart.ts";
import { type LineChart, renderLineChart } from "./charts/line-chart.ts";
import type { Markup } from "./page/markup.ts";
import type { RunRecord } from "./runs/run-record.ts";
import { tabulateRecipeGroups } from "./tables/recipe-groups.ts";
import {
  tabulateBudgets,
  tabulateData,
  tabulateFills,
  tabulateRecipes,
  tabulateRuns,
  tabulateTenths,
} from "./tables/run-tables.ts";
import { type SuiteScores, tabulateEachScore, tabulateScores } from "./tables/score-tables.ts";
import type { Table } from "./tables/table.ts";

export interface Report {
  readonly runs: readonly RunRecord[];
  readonly groups: readonly ChartGroup[];
  readonly bars: readonly BarChart[];
  /** For the page; the table `scores` has the same for files. */
  readonly suites: readonly SuiteScores[];
  readonly tables: {
    readonly runs: Table;
    /** Empty where no recipe has several runs. */
    readonly recipeGroups: Table;
    readonly budgets: Table;
    readonly data: Table;
    readonly scores: Table;
    readonly fills: Table;
    readonly differences: Table;
    readonly recipes: Table;
    /** One a run, in their order. */
    readonly tenths: readonly Table[];
  };
}

export function makeReport(runs: readonly RunRecord[]): Report {
  return {
    runs,
    groups: listChartGroups(runs)
      .map(group => ({ ...group, variants: group.variants.filter(({ chart }) => says(chart)) }))
      .filter(({ variants }) => variants.length > 0),
    bars: listBarCharts(runs),
    suites: tabulateScores(runs),
    tables: {
      runs: tabulateRuns(runs),
      recipeGroups: tabulateRecipeGroups(runs),
      budgets: tabulateBudgets(runs),
      data: tabulateData(runs),
      scores: tabulateEachScore(runs),
      fills: tabulateFills(runs),
      differences: tabulateRecipes(runs, "differing"),
      recipes: tabulateRecipes(runs, "all"),
      tenths: runs.map(tabulateTenths),
    },
  };
}

/** What a recipe chooses may stay one number: then it is a row of the recipe, and no curve. What is unknown has none either. */
const chosen = ["learning-rate", "batch-size"];

/** Whether it tells more than a number would. */
export function says({ id, series }: LineChart): boolean {
  if (id.startsWith("loss-over-seeds")) return series.some(({ band }) => band !== undefined);
  const values = series.flatMap(({ y }) => Array.from(y));
  if (values.length === 0) return id.startsWith("loss");
  return !chosen.includes(id) || values.some(value => value !== values[0]);
}

/** Every chart with its id, printed one at a time. */
export function* renderCharts(
  { groups, bars, suites }: Report,
  style?: Markup,
): Generator<{ id: string; svg: Markup }> {
  for (const { variants } of groups) {
    for (const { chart } of variants) yield { id: chart.id, svg: renderLineChart(chart, style) };
  }
  for (const { chart } of suites) yield { id: chart.id, svg: renderIntervalChart(chart, style) };
  for (const chart of bars) yield { id: chart.id, svg: renderBarChart(chart, style) };
}
