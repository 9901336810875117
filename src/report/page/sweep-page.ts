// A sweep as one HTML page: what made a difference, the curves, and of a search which settings mattered. It is fed plain rows, so that
// this room needs to know nothing of sweeps.

import { createHash } from "node:crypto";
import { type DifferenceChart, renderDifferenceChart } from "../charts/difference-chart.ts";
import { renderLayouts } from "../charts/layouts.ts";
import { type LineChart, renderLineChart } from "../charts/line-chart.ts";
import { type ParallelChart, renderParallelChart } from "../charts/parallel-chart.ts";
import { renderTable, type Table } from "../tables/table.ts";
import { type Markup, markup, trustMarkup } from "./markup.ts";
import { pageScript } from "./page-script.ts";
import { pageStyle } from "./page-style.ts";

export interface SweepPage {
  readonly title: string;
  /** When it was made, for the reader. */
  readonly date: string;
  /** What came out, in a sentence. */
  readonly verdict: string | undefined;
  readonly notes: readonly string[];
  readonly table: Table;
  /** How the table is to be read. */
  readonly explanation: string;
  /** Undefined where nothing has an interval. */
  readonly differences: DifferenceChart | undefined;
  readonly curves: readonly LineChart[];
  /** Undefined of a sweep that searches nothing. */
  readonly search: { readonly chart: ParallelChart; readonly table: Table; readonly explanation: string } | undefined;
  readonly trials: Table;
  /** The table as other programs take it. */
  readonly texts: readonly { readonly name: string; readonly text: string }[];
}

const scriptHash = createHash("sha256").update(pageScript).digest("base64");

/** Prints the page; its policy lets it load nothing. */
export function renderSweepPage(page: SweepPage): string {
  const { title, date, verdict, notes, table, explanation, differences, curves, search, trials, texts } = page;
  const comparison = [
    {
      id: "differences",
      heading: differences === undefined ? "Variations" : "What made a difference",
      content: markup`${differences === undefined ? undefined : markup`<figure>${renderLayouts(differences, renderDifferenceChart)}</figure>`}${renderTable(table)}<p class="soft">${explanation}</p>`,
    },
  ];
  const searched =
    search === undefined
      ? []
      : [
          {
            id: "search",
            heading: "The search",
            content: markup`<figure>${renderLayouts(search.chart, renderParallelChart)}</figure>${renderTable(search.table)}<p class="soft">${search.explanation}</p>`,
          },
        ];
  const sections = [
    ...(differences === undefined ? [...searched, ...comparison] : [...comparison, ...searched]),
    ...(curves.length === 0
      ? []
      : [{ id: "curves", heading: "Held-out loss", content: markup`${curves.map(renderFigure)}` }]),
    {
      id: "trials",
      heading: "Trials",
      content: markup`<details><summary>All trials, ${trials.rows.length}</summary>${renderTable(trials)}</details>`,
    },
    {
      id: "texts",
      heading: "The table as text",
      content: markup`${texts.map(({ name, text }) => markup`<details><summary>${name}</summary><div class="wide"><pre>${text}</pre></div></details>`)}`,
    },
  ];
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<style>${trustMarkup(pageStyle)}</style></head><body>
<header><h1>${title}</h1>${verdict === undefined ? undefined : markup`<p class="verdict">${verdict}</p>`}<p class="soft">${date}</p><nav aria-label="Sections">${sections.map(({ id, heading }) => markup`<a href="#${id}">${heading}</a> `)}</nav>
${notes.map(note => markup`<p role="note"><strong>Note:</strong> ${note}</p>`)}</header>
<main>${sections.map(({ id, heading, content }) => markup`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${heading}</h2>${content}</section>\n`)}</main>
<script>${trustMarkup(pageScript)}</script></body></html>
`.text;
}

const renderFigure = (chart: LineChart): Markup =>
  markup`<figure tabindex="0" aria-labelledby="${chart.id}-title">${renderLayouts(chart, renderLineChart)}<output></output></figure>\n`;

/** Every chart with its id, printed one at a time. */
export function* renderSweepCharts(
  { differences, curves, search }: SweepPage,
  style?: Markup,
): Generator<{ id: string; svg: Markup }> {
  if (differences !== undefined) yield { id: differences.id, svg: renderDifferenceChart(differences, style) };
  for (const chart of curves) yield { id: chart.id, svg: renderLineChart(chart, style) };
  if (search !== undefined) yield { id: search.chart.id, svg: renderParallelChart(search.chart, style) };
}
