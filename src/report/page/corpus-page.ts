// A corpus as one HTML page: the funnel, how long documents are, and what some of them say. It is fed plain rows, so that this room
// needs to know nothing of corpora.

import { type BarChart, renderBarChart } from "../charts/bar-chart.ts";
import { type HistogramChart, renderHistogram } from "../charts/histogram-chart.ts";
import { renderLayouts } from "../charts/layouts.ts";
import { renderTable, type Table } from "../tables/table.ts";
import { type Markup, markup, trustMarkup } from "./markup.ts";
import { pageStyle } from "./page-style.ts";

export interface CorpusPage {
  readonly title: string;
  /** When it was made, for the reader. */
  readonly date: string;
  /** No chart where all was kept. */
  readonly funnel: { readonly chart: BarChart | undefined; readonly table: Table };
  readonly sizes: readonly HistogramChart[];
  readonly tables: readonly Table[];
  /** Texts under headings, each with where it is from. */
  readonly texts: readonly {
    readonly id: string;
    readonly heading: string;
    readonly texts: readonly { readonly origin: string; readonly text: string }[];
  }[];
}

/** Prints the page; its policy lets it load and run nothing. */
export function renderCorpusPage({ title, date, funnel, sizes, tables, texts }: CorpusPage): string {
  const sections = [
    {
      id: "funnel",
      heading: "What was kept",
      content: markup`${funnel.chart && markup`<figure>${renderLayouts(funnel.chart, renderBarChart)}</figure>`}${renderTable(funnel.table)}`,
    },
    {
      id: "sizes",
      heading: "Sizes",
      content: markup`${sizes.map(renderSizes)}${tables.map(renderTable)}`,
    },
    ...texts
      .filter(group => group.texts.length > 0)
      .map(group => ({ id: group.id, heading: group.heading, content: renderTexts(group.texts) })),
  ];
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<style>${trustMarkup(pageStyle)}</style></head><body>
<header><h1>${title}</h1><p class="soft">${date}</p><nav aria-label="Sections">${sections.map(({ id, heading }) => markup`<a href="#${id}">${heading}</a> `)}</nav></header>
<main>${sections.map(({ id, heading, content }) => markup`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${heading}</h2>${content}</section>`)}</main>
</body></html>
`.text;
}

/** What is all of one size has no columns to compare. */
const renderSizes = (chart: HistogramChart): Markup =>
  chart.columns.filter(({ count }) => count > 0).length > 1
    ? markup`<figure>${renderLayouts(chart, renderHistogram)}</figure>`
    : markup`<p>${chart.title}: ${chart.description}</p>`;

const renderTexts = (texts: CorpusPage["texts"][number]["texts"]): Markup =>
  markup`${texts.map(({ origin, text }) => markup`<figure><blockquote style="white-space:pre-wrap">${text}</blockquote><figcaption>${origin}</figcaption></figure>`)}`;
