// What a dashboard draws of the selected runs: the report's charts and sections, printed here and shown as they come. Only the
// axes that are looked at are printed.

import { listChartGroups } from "../charts/charts.ts";
import { renderLineChart } from "../charts/line-chart.ts";
import type { Range } from "../charts/shown-points.ts";
import { listSections, type Section } from "../page/page.ts";
import { makeReport, says } from "../report.ts";
import type { RunRecord } from "../runs/run-record.ts";
import type { WatchedRun } from "./dashboard-runs.ts";

export interface View {
  /** SVG, by the places of the page's figures; empty where it would show one number, as the learning rate of a recipe without a schedule. */
  readonly charts: readonly string[];
  /** HTML by the section's id; null where it is empty. Absent where it was not asked for. */
  readonly sections?: Readonly<Record<string, string | null>>;
  /** What is missing of the selected runs, and why. */
  readonly troubles: readonly string[];
}

/** Sections whose numbers are the same of thinned curves; the dashboard has its own table of runs. */
export const viewSections = ["budgets", "scores", "fills", "samples", "data", "recipes"];

/** The charts that there are, for the page's figures. */
export const viewGroups = listChartGroups([]);

export interface ViewChoice {
  /** By colour; a colour may be free. */
  readonly runs: readonly (WatchedRun | undefined)[];
  /** The place of each group's variant; the first where it is missing. */
  readonly variants: readonly number[];
  readonly withSections: boolean;
  /** Pixels that each figure has; the charts' own where it is missing. */
  readonly widths?: readonly number[];
  /** What is shown of x axes, by their names: all charts along time show the same of it. */
  readonly ranges?: ReadonlyMap<string, Range>;
  /** Half-life of the exponential mean, as a share of the x axis as it is shown. */
  readonly smoothing?: number | undefined;
}

/** A run that cannot be drawn is left out, with its trouble; the others are drawn. */
export function renderView(choice: ViewChoice): View {
  try {
    return drawView(choice);
  } catch {
    const isDrawn = choice.runs.map(run => run !== undefined && canDraw(run, choice));
    return drawView({ ...choice, runs: choice.runs.map((run, i) => (isDrawn[i] ? run : undefined)) }, choice.runs);
  }
}

function canDraw(run: WatchedRun, choice: ViewChoice): boolean {
  try {
    drawView({ ...choice, runs: [run] });
    return true;
  } catch (error) {
    run.refuse(error);
    return false;
  }
}

/** From a small phone to a wall. */
const boundWidth = (width: number) => Math.min(2400, Math.max(240, Math.floor(width)));

function drawView({ runs, variants, withSections, widths = [], ranges, smoothing }: ViewChoice, chosen = runs): View {
  const records = runs.flatMap((run, colour): RunRecord[] =>
    run === undefined ? [] : [{ ...run.readRecord(), colour }],
  );
  const charts = listChartGroups(records).map((group, i) => {
    const { chart } = group.variants[variants[i] ?? 0] ?? group.variants[0]!;
    if (i > 0 && !says(chart)) return "";
    const width = boundWidth(widths[i] || chart.width);
    return renderLineChart({ ...chart, width, range: ranges?.get(chart.x.name), smoothing }).text;
  });
  const troubles = chosen.flatMap(run => (run?.trouble === undefined ? [] : [`${run.name}: ${run.trouble}`]));
  if (!withSections) return { charts, troubles };
  const sections = records.length === 0 ? [] : listSections(makeReport(records), viewSections);
  const find = (id: string): Section | undefined => sections.find(section => section.id === id);
  return {
    charts,
    troubles,
    sections: Object.fromEntries(viewSections.map(id => [id, find(id)?.content.text ?? null])),
  };
}
