// A ladder of sizes as one HTML page: its charts and tables. It is fed plain rows, so that this room needs to know nothing of laws.

import { renderLayouts } from "../charts/layouts.ts";
import { type LineChart, renderLineChart } from "../charts/line-chart.ts";
import { renderTable, type Table } from "../tables/table.ts";
import { type Markup, markup, trustMarkup } from "./markup.ts";
import { pageStyle } from "./page-style.ts";

export interface ScalePage {
  readonly title: string;
  /** When it was made, for the reader. */
  readonly date: string;
  /** What was found, a sentence each. */
  readonly findings: readonly string[];
  readonly sections: readonly {
    readonly id: string;
    readonly heading: string;
    readonly charts: readonly LineChart[];
    readonly tables: readonly Table[];
    readonly notes: readonly string[];
  }[];
}

/** Prints the page; its policy lets it load and run nothing. */
export function renderScalePage({ title, date, findings, sections }: ScalePage): string {
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<style>${trustMarkup(pageStyle)}</style></head><body>
<header><h1>${title}</h1><p class="soft">${date}</p><nav aria-label="Sections">${sections.map(({ id, heading }) => markup`<a href="#${id}">${heading}</a> `)}</nav></header>
<main>${findings.map(text => markup`<p>${text}</p>`)}
${sections.map(({ id, heading, charts, tables, notes }) => markup`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${heading}</h2>${charts.map(renderFigure)}${tables.map(renderTable)}${notes.map(text => markup`<p class="soft">${text}</p>`)}</section>\n`)}</main>
</body></html>
`.text;
}

const renderFigure = (chart: LineChart): Markup => markup`<figure>${renderLayouts(chart, renderLineChart)}</figure>\n`;
