// The report as one HTML page that needs nothing else: styles, charts and the script are in it, and its policy lets it load
// nothing, so that even a mistake in escaping could not fetch or run anything.

import { createHash } from "node:crypto";
import { type BarChart, renderBarChart } from "../charts/bar-chart.ts";
import type { ChartGroup } from "../charts/charts.ts";
import { renderIntervalChart } from "../charts/interval-chart.ts";
import { renderLayouts } from "../charts/layouts.ts";
import { type LineChart, renderLineChart } from "../charts/line-chart.ts";
import { formatNumber } from "../quantity.ts";
import type { Report } from "../report.ts";
import { groupByDataset, type RunRecord } from "../runs/run-record.ts";
import { renderTable, renderTransposed } from "../tables/table.ts";
import { type Markup, markup, trustMarkup } from "./markup.ts";
import { pageScript } from "./page-script.ts";
import { pageStyle } from "./page-style.ts";
import { describeVerdict } from "./verdict.ts";

/** So many fit side by side on a page. */
const fewRuns = 5;

/** Prints the page; `date` says when, for the reader, and `notes` what could not be told. */
export function renderPage(report: Report, date: string, notes: readonly string[]): string {
  const { runs } = report;
  const title = `Report: ${runs.length <= fewRuns ? runs.map(({ name }) => name).join(", ") : `${runs.length} runs`}`;
  const sections = listSections(report);
  const verdict = describeVerdict(runs);
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title>
<style>${trustMarkup(pageStyle)}</style></head><body>
<header><h1>${title}</h1>${verdict === undefined ? undefined : markup`<p class="verdict">${verdict}</p>`}<p class="soft">${date}</p><nav aria-label="Sections">${sections.map(({ id, title: name }) => markup`<a href="#${id}">${name}</a> `)}</nav>
${notes.map(note => markup`<p role="note"><strong>Note:</strong> ${note}</p>`)}</header>
<main>${sections.map(({ id, title: name, content }) => markup`<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${name}</h2>${content}</section>\n`)}</main>
<footer><h2>How to read it</h2><p class="soft">Of the points that fall into one column of pixels the charts draw the lowest and the highest, so
no spike is lost; the thick lines are means of four columns, and dots are validations. Of more than eight runs the means alone are drawn. Steps that were not finite are left out and
counted above. Point at a chart, or focus it and press the arrow keys, to read values. <code>cram report --data FOLDER</code> writes
every step's numbers, not thinned, as CSV and JSON, and <code>--charts FOLDER</code> every chart as SVG and PNG.</p></footer>
<script>${trustMarkup(pageScript)}</script></body></html>
`.text;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Markup;
}

/** The sections that are wanted, all by default, and have something to show. */
export function listSections(report: Report, wanted?: readonly string[]): Section[] {
  const { runs, groups, tables } = report;
  const [loss, ...others] = groups;
  const sections: readonly (Omit<Section, "content"> & { print: () => Markup })[] = [
    { id: "loss", title: "Loss", print: () => renderGroup(loss!) },
    { id: "fills", title: "Filled masks", print: () => renderFills(runs) },
    { id: "samples", title: "While it trained", print: () => renderSamples(runs) },
    {
      id: "summary",
      title: "Runs",
      print: () =>
        markup`${tables.recipeGroups.rows.length > 0 ? renderTable(tables.recipeGroups) : undefined}${runs.length <= fewRuns ? renderTransposed(tables.runs) : renderTable(tables.runs)}`,
    },
    {
      id: "course",
      title: "Course of training",
      print: () => markup`<div class="grid-of-two">${others.map(renderGroup)}</div>${utilisationNote(report)}`,
    },
    {
      id: "budgets",
      title: "Budget",
      print: () => markup`${renderBars(report, "budget")}${renderTable(tables.budgets)}
<p class="soft">Other is the time between steps: reading data and writing events.</p>`,
    },
    { id: "scores", title: "Downstream scores", print: () => renderScores(report) },
    {
      id: "data",
      title: "Data",
      print: () => markup`${renderBars(report, "funnel")}${renderTable(tables.data)}${missingData(runs)}`,
    },
    { id: "recipes", title: "Recipes", print: () => renderRecipes(report) },
    {
      id: "numbers",
      title: "The curves in numbers",
      print: () =>
        markup`<p class="soft">Means over each tenth of the time that a run has used.</p>${tables.tenths.map(table => renderTable(table))}`,
    },
  ];
  return sections
    .filter(({ id }) => wanted === undefined || wanted.includes(id))
    .map(({ id, title, print }) => ({ id, title, content: print() }))
    .filter(({ content }) => content.text.trim() !== "");
}

const scriptHash = createHash("sha256").update(pageScript).digest("base64");
const nothing = markup``;

/** One figure, or several of which radio buttons choose one. */
function renderGroup({ id, title, variants }: ChartGroup): Markup {
  if (variants.length === 1) return renderFigure(variants[0]!.chart);
  const choices = variants.map(
    ({ name }, i) =>
      markup`<input type="radio" name="${id}" id="${id}-${i}"${i === 0 ? trustMarkup(" checked") : ""}><label for="${id}-${i}">${name}</label>`,
  );
  return markup`<fieldset class="variants"><legend>Axes of ${title.toLowerCase()}</legend>${choices}
${variants.map(({ chart }) => renderFigure(chart))}</fieldset>`;
}

const renderFigure = (chart: LineChart): Markup =>
  markup`<figure tabindex="0" aria-labelledby="${chart.id}-title">${renderLayouts(chart, renderLineChart)}<output></output></figure>\n`;

function renderBars({ bars }: Report, id: BarChart["id"]): Markup {
  const chart = bars.find(one => one.id === id);
  return chart === undefined ? nothing : markup`<figure>${renderLayouts(chart, renderBarChart)}</figure>`;
}

function utilisationNote({ groups, runs }: Report): Markup {
  const known = runs.some(({ flopsPerToken }) => flopsPerToken !== undefined);
  if (!known || groups.some(({ id }) => id === "utilisation")) return nothing;
  return markup`<p class="soft">The runs did not store their device's peak, so arithmetic is shown as FLOP/s and not as a share of it (MFU).</p>`;
}

function renderScores({ suites, runs }: Report): Markup {
  const unfinished = runs.flatMap(({ name, evaluations }) => evaluations.unfinished.map(suite => `${name}: ${suite}`));
  return markup`${suites.map(({ chart, table, notes }) => markup`<figure>${renderLayouts(chart, renderIntervalChart)}</figure>${renderTable(table)}${notes.map(note => markup`<p class="soft">${note}</p>`)}`)}
${unfinished.map(name => markup`<p class="soft">${name} is being evaluated, or was stopped; the same cram evaluate goes on.</p>`)}`;
}

/** A table a text, a row a run and mask: what the runs expected, best first. */
function renderFills(runs: readonly RunRecord[]): Markup {
  const texts = [...new Set(runs.flatMap(({ fills }) => fills.map(({ text }) => text)))];
  if (texts.length === 0) return nothing;
  const listRows = (text: string) =>
    runs.flatMap(({ name, fills }) =>
      fills
        .filter(fill => fill.text === text)
        .flatMap(({ masks }) => masks)
        .map(({ candidates }) => [
          name,
          candidates
            .map(({ token, probability }) => `${token} ${formatNumber(Math.round(100 * probability))} %`)
            .join(", "),
        ]),
    );
  const columns = [
    { key: "run", name: "run", quantity: "text" },
    { key: "candidates", name: "likeliest tokens", quantity: "text" },
  ] as const;
  return markup`${texts.map(text => renderTable({ id: "fills", caption: text, columns, rows: listRows(text) }))}`;
}

/** So many moments of a run show how it learned. */
const mostMoments = 8;

/** A table a run and text, a row a moment, the last first: what it expected, or found near, as it trained. */
function renderSamples(runs: readonly RunRecord[]): Markup {
  const columns = [
    { key: "step", name: "step", quantity: "count" },
    { key: "candidates", name: "likeliest or nearest tokens", quantity: "text" },
  ] as const;
  const share = (value: number) => `${formatNumber(Math.round(100 * value))} %`;
  const listed = runs.flatMap(({ name, curves: { samples } }) => {
    const moments = samples
      .filter((_, i) => i === samples.length - 1 || i % Math.ceil(samples.length / mostMoments) === 0)
      .reverse();
    const rows = moments.flatMap(({ step, fills, neighbours }) => [
      ...fills.flatMap(({ text, masks }) =>
        masks.map(({ candidates }) => ({
          ...{ step, text },
          said: candidates.map(({ token, probability }) => `${token} ${share(probability)}`).join(", "),
        })),
      ),
      ...neighbours.map(({ text, nearest }) => ({ step, text, said: nearest.map(({ token }) => token).join(", ") })),
    ]);
    return [...new Set(rows.map(({ text }) => text))].map(text =>
      renderTable({
        id: "samples",
        caption: `${text} (${name})`,
        columns,
        rows: rows.filter(row => row.text === text).map(({ step, said }) => [step, said]),
      }),
    );
  });
  return listed.length === 0 ? nothing : markup`<div class="grid-of-two">${listed}</div>`;
}

function missingData(runs: readonly RunRecord[]): Markup {
  const missing = groupByDataset(runs).filter(({ data }) => data.dataset === undefined);
  return markup`${missing.map(({ names, data }) => markup`<p class="soft">${names}: the dataset is no longer at ${data.folder}.</p>`)}`;
}

function renderRecipes({ runs, tables }: Report): Markup {
  const differences =
    runs.length === 1
      ? nothing
      : tables.differences.rows.length === 0
        ? markup`<p>All runs have the same recipe.</p>`
        : renderTable(tables.differences);
  return markup`${differences}<details><summary>Every value</summary>${renderTable(tables.recipes)}</details>`;
}
