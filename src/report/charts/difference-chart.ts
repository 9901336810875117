// How far variations are from the base: a dot a row with its interval, around a line at 0. Those that exceed the noise are filled.

import { makePrintable } from "../../base/printable.ts";
import { type Markup, markup, trustMarkup } from "../page/markup.ts";
import { characterWidth, makeAxis, placeLabels, placeOn } from "./axis.ts";
import { isNarrow, type Layable, layoutWidths } from "./layouts.ts";

export interface DifferenceChart extends Layable {
  readonly title: string;
  readonly description: string;
  /** What is drawn, with its unit. */
  readonly axis: string;
  readonly rows: readonly {
    readonly name: string;
    readonly low: number;
    readonly value: number;
    readonly high: number;
    readonly verdict: "better" | "worse" | "";
  }[];
}

/** An interval may be as wide as two seeds leave it: the axis holds so many times the farthest value, and cuts what is beyond. */
const mostReach = 2;
const colours = { better: 2, worse: 1, "": 6 } as const;

/** Prints the chart; `style` goes into a file that stands alone, a page has its own. */
export function renderDifferenceChart(chart: DifferenceChart, style?: Markup): Markup {
  const { rows, width = layoutWidths[0] } = chart;
  // Names stand on the left of the intervals, on a phone above them.
  const isAbove = isNarrow(width);
  // On both sides half of an end's label has room.
  const left = isAbove ? 28 : Math.round(0.3 * width);
  const plotWidth = width - left - (isAbove ? 28 : 30);
  const rowHeight = isAbove ? 36 : 20;
  const top = isAbove ? 100 : 62;
  const farthest = Math.max(...rows.map(({ value }) => Math.abs(value)));
  const cut = (value: number) => Math.max(-mostReach * farthest, Math.min(mostReach * farthest, value));
  const axis = makeAxis("linear", [0, ...rows.flatMap(({ low, high }) => [cut(low), cut(high)])], { round: true });
  const place = (value: number) => (left + Math.max(0, Math.min(1, placeOn(axis, value))) * plotWidth).toFixed(1);
  const bottom = top + rowHeight * rows.length;
  const height = bottom + 46;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description">
<title id="${chart.id}-title">${chart.title}</title><desc id="${chart.id}-description">${chart.description}</desc>${style}
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="10" y="20">${chart.title}</text>
${renderLegend(isAbove)}
${placeLabels(axis, value => Number(place(value))).map(({ x, label, hasRoom }) => markup`<line class="grid" x1="${x}" y1="${top}" x2="${x}" y2="${bottom}"/>${hasRoom ? markup`<text x="${x}" y="${bottom + 17}" text-anchor="middle">${label}</text>` : undefined}`)}
<line class="level" x1="${place(0)}" y1="${top}" x2="${place(0)}" y2="${bottom}"/>
<text x="${left + plotWidth / 2}" y="${bottom + 38}" text-anchor="middle">${chart.axis}</text>
${rows.map(({ name, low, value, high, verdict }, i) => {
  const y = top + rowHeight * i + (isAbove ? 24 : rowHeight / 2);
  const [nameX, nameY, anchor] = isAbove ? [10, y - 9, "start"] : [left - 12, y + 4, "end"];
  const shown = makePrintable(name, Math.floor((isAbove ? width - 20 : left - 12) / characterWidth));
  const colour = colours[verdict];
  return markup`<g><title>${name}: ${value.toFixed(4)}, ${low.toFixed(4)} to ${high.toFixed(4)}</title><text${isAbove ? trustMarkup(' class="mark-name"') : undefined} x="${nameX}" y="${nameY}" text-anchor="${anchor}">${shown}</text><line class="line run-${colour}" x1="${place(low)}" y1="${y}" x2="${place(high)}" y2="${y}"/>${renderDot(verdict, place(value), y)}</g>\n`;
})}
</svg>`;
}

function renderDot(verdict: keyof typeof colours, x: number | string, y: number): Markup {
  const paint = verdict === "" ? `hollow run-${colours[verdict]}` : `dots key-${colours[verdict]}`;
  return markup`<circle class="${paint}" cx="${x}" cy="${y}" r="4"/>`;
}

/** In a row, or one below the other. */
function renderLegend(isAbove: boolean): Markup[] {
  const entries = [
    ["better", "better than the base", 10],
    ["worse", "worse", 190],
    ["", "not told from noise", 270],
  ] as const;
  return entries.map(([verdict, name, at], i) => {
    const [x, y] = isAbove ? [10, 40 + 19 * i] : [at, 40];
    return markup`${renderDot(verdict, x + 6, y)}<text x="${x + 18}" y="${y + 4}">${name}</text>`;
  });
}
