// Parallel coordinates: an axis a setting and one for the loss, a line a trial. The best quarter of them has a colour.

import { makePrintable } from "../../base/printable.ts";
import { type Markup, markup } from "../page/markup.ts";
import { formatNumber } from "../quantity.ts";
import { type Layable, layoutWidths } from "./layouts.ts";

type Value = string | number | boolean;

export interface ParallelChart extends Layable {
  readonly title: string;
  readonly description: string;
  readonly axes: readonly { readonly name: string; readonly detail: string }[];
  /** A value for each axis, the last the loss; undefined where a trial has none. */
  readonly lines: readonly { readonly name: string; readonly values: readonly (Value | undefined)[] }[];
}

/** Between two axes; of many the chart is wider than a phone, and is moved there from side to side. */
const leastGap = 84;
const side = 70;
const top = 74;
const plotHeight = 260;
const height = top + plotHeight + 34;
const characterWidth = 6.5;
/** Of which a range is drawn by its logarithm. */
const wideRatio = 20;

/** Prints the chart; `style` goes into a file that stands alone, a page has its own. */
export function renderParallelChart(chart: ParallelChart, style?: Markup): Markup {
  const { axes, lines } = chart;
  const width = Math.max(chart.width ?? layoutWidths[0], 2 * side + leastGap * (axes.length - 1));
  const gap = axes.length < 2 ? 0 : (width - 2 * side) / (axes.length - 1);
  const scales = axes.map((_, i) => makeScale(lines.flatMap(({ values }) => values[i] ?? [])));
  const xOf = (i: number) => side + gap * i;
  const yOf = (share: number) => top + (1 - share) * plotHeight;
  const losses = lines.map(({ values }) => Number(values.at(-1))).sort((a, b) => a - b);
  const bound = losses[Math.max(0, Math.ceil(losses.length / 4) - 1)]!;
  // The best above the others.
  const drawn = [...lines].sort((a, b) => Number(b.values.at(-1)) - Number(a.values.at(-1)));
  const label = (text: string) => makePrintable(text, Math.max(8, Math.floor((gap - 6) / characterWidth)));
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" style="min-width:${width}px" width="${width}" height="${height}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description">
<title id="${chart.id}-title">${chart.title}</title><desc id="${chart.id}-description">${chart.description}</desc>${style}
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="10" y="20">${chart.title}</text>
${drawn.map(({ name, values }) => {
  const points = values.flatMap((value, i) =>
    value === undefined ? [] : [`${xOf(i).toFixed(1)},${yOf(scales[i]!.place(value)).toFixed(1)}`],
  );
  const paint = Number(values.at(-1)) <= bound ? "line run-0" : "each run-6";
  return markup`<polyline class="${paint}" points="${points.join(" ")}"><title>${name}: ${formatNumber(Number(values.at(-1)))}</title></polyline>\n`;
})}
${axes.map(({ name, detail }, i) => {
  const x = xOf(i).toFixed(1);
  const ticks = scales[i]!.ticks.map(
    ({ share, text }) =>
      markup`<line class="frame" x1="${xOf(i) - 4}" y1="${yOf(share)}" x2="${x}" y2="${yOf(share)}"/><text class="mark-name" x="${xOf(i) - 6}" y="${yOf(share) + 4}" text-anchor="end">${makePrintable(text, 10)}</text>`,
  );
  return markup`<line class="frame" x1="${x}" y1="${top}" x2="${x}" y2="${top + plotHeight}"/>${ticks}<text x="${x}" y="46" text-anchor="middle">${label(name.split(".").at(-1)!)}<title>${name}</title></text><text class="mark-name" x="${x}" y="61" text-anchor="middle">${label(detail)}</text>`;
})}
</svg>`;
}

interface Scale {
  place(value: Value): number;
  readonly ticks: readonly { readonly share: number; readonly text: string }[];
}

/** Numbers from the least to the greatest, by their logarithm where they span much; other values evenly, in the order of their names. */
function makeScale(values: readonly Value[]): Scale {
  const numbers = values.filter(value => typeof value === "number");
  if (numbers.length === values.length && values.length > 0) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const by = low > 0 && high / low >= wideRatio ? Math.log : (value: number) => value;
    const undo = by === Math.log ? Math.exp : (value: number) => value;
    const place = (value: Value) => (high === low ? 0.5 : (by(Number(value)) - by(low)) / (by(high) - by(low)));
    const shares = high === low ? [0.5] : [0, 0.25, 0.5, 0.75, 1];
    const distinct = [...new Set(numbers)];
    const at = (share: number) => undo(by(low) + share * (by(high) - by(low)));
    const ticks =
      distinct.length <= 6
        ? distinct.map(value => ({ share: place(value), text: shorten(value) }))
        : shares.map(share => ({ share, text: shorten(at(share)) }));
    return { place, ticks };
  }
  const names = [...new Set(values.map(String))].sort();
  const place = (value: Value) => (names.length === 1 ? 0.5 : names.indexOf(String(value)) / (names.length - 1));
  return { place, ticks: names.map(text => ({ share: place(text), text })) };
}

const shorten = (value: number) => formatNumber(Number(value.toPrecision(3)));
