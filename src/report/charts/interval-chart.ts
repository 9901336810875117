// Scores from 0 to 100 as dots with their spread: one band a score, one line of it a model, and grey ticks for values to
// compare with.

import { makePrintable } from "../../base/printable.ts";
import { type Markup, markup } from "../page/markup.ts";
import { characterWidth, makeAxis, placeLabels, placeOn } from "./axis.ts";
import { runColours } from "./chart-style.ts";
import { isNarrow, type Layable, layoutWidths } from "./layouts.ts";

export interface IntervalChart extends Layable {
  readonly title: string;
  readonly description: string;
  /** What dots stand for, a line of every band each. */
  readonly models: readonly Model[];
  readonly bands: readonly {
    readonly name: string;
    /** One a model, undefined where it has no score. */
    readonly intervals: readonly (Interval | undefined)[];
    readonly marks: readonly { readonly name: string; readonly value: number }[];
  }[];
  /** What the grey ticks are. */
  readonly marksName: string;
}

export interface Model {
  readonly name: string;
  readonly run: number;
  /** Filled for what counts, hollow for what it is held against. */
  readonly isFilled: boolean;
}

export interface Interval {
  readonly low: number;
  readonly value: number;
  readonly high: number;
}

const lineHeight = 12;
const legendRowHeight = 19;

/** Prints the chart; `style` goes into a file that stands alone, a page has its own. */
export function renderIntervalChart(chart: IntervalChart, style?: Markup): Markup {
  const { models, bands, width = layoutWidths[0] } = chart;
  const left = isNarrow(width) ? 92 : 150;
  const plotWidth = width - left - (isNarrow(width) ? 16 : 30);
  /** Where the title and the legend begin. */
  const start = isNarrow(width) ? 0 : left;
  const cut = (text: string, pixels: number) => makePrintable(text, Math.floor(pixels / characterWidth));
  const values = bands.flatMap(({ intervals, marks }) => [
    ...intervals.flatMap(interval => (interval === undefined ? [] : [interval.low, interval.value, interval.high])),
    ...marks.map(({ value }) => value),
  ]);
  const axis = makeAxis("linear", [0, 100, ...values], { round: true });
  const place = (value: number) => (left + placeOn(axis, value) * plotWidth).toFixed(1);
  const bandHeight = 14 + lineHeight * models.length;
  const top = 34 + legendRowHeight * (models.length + 1);
  const bottom = top + bandHeight * bands.length;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${bottom + 46}" width="${width}" height="${bottom + 46}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description">
<title id="${chart.id}-title">${chart.title}</title><desc id="${chart.id}-description">${chart.description}</desc>${style}
<rect class="paper" width="${width}" height="${bottom + 46}"/>
<text class="title" x="${start + (isNarrow(width) ? 6 : 0)}" y="20">${cut(chart.title, width - start - 6)}</text>
${models.map((model, i) => markup`${renderDot(model, start + 6, 38 + i * legendRowHeight)}<text x="${start + 18}" y="${42 + i * legendRowHeight}">${cut(model.name, width - start - 24)}</text>`)}
<line class="level" x1="${start + 6}" y1="${32 + models.length * legendRowHeight}" x2="${start + 6}" y2="${45 + models.length * legendRowHeight}"/><text x="${start + 18}" y="${42 + models.length * legendRowHeight}">${cut(chart.marksName, width - start - 24)}</text>
${placeLabels(axis, value => Number(place(value))).map(({ x, label, hasRoom }) => markup`<line class="grid" x1="${x}" y1="${top}" x2="${x}" y2="${bottom}"/>${hasRoom ? markup`<text x="${x}" y="${bottom + 17}" text-anchor="middle">${label}</text>` : undefined}`)}
<text x="${left + plotWidth / 2}" y="${bottom + 38}" text-anchor="middle">percent</text>
${bands.map((band, i) => {
  const y = top + i * bandHeight;
  const marks = band.marks.map(
    ({ name, value }) =>
      markup`<line class="level" x1="${place(value)}" y1="${y + 4}" x2="${place(value)}" y2="${y + bandHeight - 4}"><title>${name}: ${value}</title></line>`,
  );
  return markup`<line class="grid" x1="0" y1="${y}" x2="${left + plotWidth}" y2="${y}"/><text x="${left - 12}" y="${y + bandHeight / 2 + 4}" text-anchor="end">${cut(band.name, left - 12)}</text>${marks}${models.map((model, line) => renderInterval(model, band.intervals[line], place, y + 13 + line * lineHeight))}\n`;
})}
</svg>`;
}

function renderInterval(model: Model, interval: Interval | undefined, place: (value: number) => string, y: number) {
  if (interval === undefined || !Number.isFinite(interval.value)) return undefined;
  return markup`<line class="line run-${model.run % runColours}" x1="${place(interval.low)}" y1="${y}" x2="${place(interval.high)}" y2="${y}"/>${renderDot(model, place(interval.value), y)}`;
}

function renderDot({ run, isFilled }: Model, x: number | string, y: number): Markup {
  const colour = run % runColours;
  const paint = isFilled ? `dots key-${colour}` : `hollow run-${colour}`;
  return markup`<circle class="${paint}" cx="${x}" cy="${y}" r="4"/>`;
}
