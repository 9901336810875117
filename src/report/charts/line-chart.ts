// A chart of lines as SVG: title, legend, axes with ticks, thinned lines. The plot's axes are written on the element, so the
// page's script can turn a pixel back into values; nothing is stored twice.

import { makePrintable } from "../../base/printable.ts";
import { type Markup, markup } from "../page/markup.ts";
import { chooseUnit, formatNumber, type Quantity, type Unit } from "../quantity.ts";
import { type Points, thinToColumns } from "../runs/downsample.ts";
import { type Axis, characterWidth, isDrawable, makeAxis, placeLabels, placeOn } from "./axis.ts";
import { runColours } from "./chart-style.ts";
import { isNarrow, type Layable } from "./layouts.ts";
import { chooseDrawn, columnsPerMean, type Drawn, type Series } from "./series.ts";
import type { Range } from "./shown-points.ts";

export interface AxisChoice {
  readonly name: string;
  readonly quantity: Quantity;
  readonly kind: "linear" | "log";
  /** A linear axis that shows 0 as well. */
  readonly fromZero?: boolean;
}

export interface LineChart extends Layable {
  readonly width: number;
  readonly title: string;
  /** What is seen, for those who cannot see it; one or two sentences. */
  readonly description: string;
  readonly x: AxisChoice;
  readonly y: AxisChoice;
  readonly series: readonly Series[];
  /** Horizontal lines to compare with. */
  readonly marks?: readonly { readonly name: string; readonly value: number }[];
  /** The end of the lowest curve, with a ring around it. */
  readonly best?: { readonly name: string; readonly run: number; readonly x: number; readonly y: number } | undefined;
  /** What of the x axis is shown, with y over what is seen there; all of it, from 0 where the axes say so, unless given. */
  readonly range?: Range | undefined;
  /** Half-life of an exponential mean, as a share of the x axis as it is shown; it takes the place of the means. */
  readonly smoothing?: number | undefined;
}

const plotHeight = 250;
const marginOf = (width: number) =>
  isNarrow(width) ? { left: 72, right: 14, bottom: 46 } : { left: 74, right: 20, bottom: 46 };
/** Where title and legend begin. */
const legendX = (width: number) => (isNarrow(width) ? 6 : marginOf(width).left);

const cutText = (text: string, pixels: number) => makePrintable(text, Math.max(8, Math.floor(pixels / characterWidth)));
const titleHeight = 30;
const legendRowHeight = 19;
/** More names than colours and dashes tell apart are not in the legend. */
const mostNamed = 2 * runColours;
const markNameHeight = 14;

/** Prints the chart; `style` goes into a file that stands alone, a page has its own. */
export function renderLineChart(chart: LineChart, style?: Markup): Markup {
  const { width, range } = chart;
  const all = chart.series.filter(({ x }) => x.length > 0);
  const unitX = chooseUnit(chart.x.quantity, range?.[1] ?? largestOf(all.map(({ x }) => x)));
  const extremes = findExtremes(all, "x", unitX, chart.x);
  const whole = makeAxis(chart.x.kind, extremes, { round: false });
  const xAxis =
    range === undefined
      ? whole
      : makeAxis(chart.x.kind, limitExtremes(extremes, unitX, range, chart.x.kind), { round: false });
  const onAxis = (x: number) => placeOn(xAxis, x / unitX.size);
  const margin = marginOf(width);
  const plotWidth = width - margin.left - margin.right;
  const series = all.map(one => chooseDrawn(one, { ...chart, place: onAxis, plotWidth }));
  const seen = series.flatMap(({ x, y, faint, band }) =>
    [{ x, y }, faint, band?.low, band?.high].filter(points => points !== undefined),
  );
  const unitY = chooseUnit(
    chart.y.quantity,
    largestOf(series.flatMap(({ y, faint }) => (faint === undefined ? [y] : [y, faint.y]))),
  );
  const fromZero = range === undefined && chart.y.fromZero === true;
  const seenExtremes = findExtremes(seen, "y", unitY, { ...chart.y, fromZero });
  // Enlarged, a curve has the plot to itself: a line to compare with is there where it is among what is seen.
  const [lowest, highest] = scan(seenExtremes, Number.isFinite);
  const marks = (chart.marks ?? [])
    .map(({ name, value }) => ({ name, value: value / unitY.size }))
    .filter(({ value }) => range === undefined || (value >= lowest && value <= highest));
  const yAxis = makeAxis(chart.y.kind, [...seenExtremes, ...marks.map(({ value }) => value)], { round: true });
  const isEmpty = series.every(({ x }) => x.length === 0);
  const legend = layLegend(series, width - legendX(width) - margin.right);
  const top = titleHeight + legend.rows * legendRowHeight + 8;
  const height = top + plotHeight + margin.bottom;
  const place: Placement = { xAxis, yAxis, unitX, unitY, top, left: margin.left, plotWidth };
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description" data-plot="${[margin.left, top, plotWidth, plotHeight].join(" ")}" data-x="${describeAxis(xAxis, nameAxis(chart.x, unitX))}" data-y="${describeAxis(yAxis, nameAxis(chart.y, unitY))}" data-along="${chart.x.name}" data-unit="${unitX.size}" data-whole="${describeAxis(whole, chart.x.name)}">
<title id="${chart.id}-title">${chart.title}</title><desc id="${chart.id}-description">${chart.description}</desc>${style}
<rect class="paper" width="${width}" height="${height}"/>
${renderTitle(chart)}
${legend.items.map(({ name, run, x, row }) => {
  const y = titleHeight + row * legendRowHeight + 9;
  const key = markup`<line class="line ${classOf(run ?? 0)}" x1="${legendX(width) + x}" y1="${y}" x2="${legendX(width) + x + 18}" y2="${y}"/>`;
  return markup`${run === undefined ? "" : key}<text x="${legendX(width) + x + 24}" y="${y + 4}">${name}</text>`;
})}
${renderAxes(place, nameAxis(chart.x, unitX), nameAxis(chart.y, unitY))}
${isEmpty ? markup`<text x="${margin.left + plotWidth / 2}" y="${top + plotHeight / 2}" text-anchor="middle">${all.length === 0 ? "no points yet" : "no points in this range"}</text>` : ""}
${renderMarks(place, marks)}
${series.map(one => renderBand(place, one))}${series.map(one => renderSeries(place, one))}
${nameMarks(place, marks)}
${renderBest(place, chart.best)}
</svg>`;
}

/** Squeezed where it is longer than a phone is wide. */
function renderTitle({ title, width }: LineChart): Markup {
  const x = legendX(width);
  const squeeze =
    (characterWidth + 2) * title.length > width - x - 6
      ? markup` textLength="${width - x - 6}" lengthAdjust="spacingAndGlyphs"`
      : "";
  return markup`<text class="title" x="${x}" y="20"${squeeze}>${title}</text>`;
}

interface Placement {
  readonly xAxis: Axis;
  readonly yAxis: Axis;
  readonly unitX: Unit;
  readonly unitY: Unit;
  readonly top: number;
  readonly left: number;
  readonly plotWidth: number;
}

function renderSeries(place: Placement, series: Drawn): Markup {
  const onAxis = (x: number) => placeOn(place.xAxis, x / place.unitX.size);
  const colour = classOf(series.run);
  const thin = (points: Points, pixels = 1) =>
    pick(points, thinToColumns(points, onAxis, Math.round(place.plotWidth / pixels)));
  const name = series.kind === undefined ? series.name : `${series.name} ${series.kind}`;
  if (series.isDots) {
    const each = pixels(place, thin(series, columnsPerMean));
    // Lines of no length with round ends: one element for all the dots of a run.
    const dots = each.map(point => `M${point}h0`).join("");
    return markup`<polyline class="join ${colour}" data-name="${name}" points="${each.join(" ")}"/><path class="spots run-${series.run % runColours}" data-of="${series.name}" d="${dots}"/>\n`;
  }
  const line = markup`<polyline class="line ${colour}" data-name="${name}" data-of="${series.name}" points="${pixels(place, thin(series)).join(" ")}"/>\n`;
  if (series.faint === undefined) return line;
  return markup`<polyline class="each ${colour}" points="${pixels(place, thin(series.faint)).join(" ")}" data-of="${series.name}"/>${line}`;
}

function renderBand(place: Placement, { band, run, name }: Drawn): Markup | undefined {
  if (band === undefined) return undefined;
  const [low, high] = [pixels(place, band.low), pixels(place, band.high)];
  if (low.length < 2) return undefined;
  return markup`<polygon class="band key-${run % runColours}" data-of="${name}" points="${[...high, ...low.reverse()].join(" ")}"/>\n`;
}

/** A ring, and its name below it where the plot has room there, else above. */
function renderBest(place: Placement, best: LineChart["best"]): Markup | undefined {
  const [point] = best === undefined ? [] : pixels(place, { x: [best.x], y: [best.y] });
  if (best === undefined || point === undefined) return undefined;
  const [x, y] = point.split(",").map(Number) as [number, number];
  const isSeen = x >= place.left && x <= place.left + place.plotWidth && y >= place.top && y <= place.top + plotHeight;
  if (!isSeen) return undefined;
  const textY = y + 24 < place.top + plotHeight ? y + 22 : y - 14;
  const text = cutText(
    `best: ${best.name}: ${formatNumber(Number((best.y / place.unitY.size).toPrecision(4)))}`,
    place.plotWidth,
  );
  const right = Math.min(place.left + place.plotWidth, x + (characterWidth * text.length) / 2);
  return markup`<circle class="ring run-${best.run % runColours}" cx="${x}" cy="${y}" r="8"/><text class="mark-name best" x="${right}" y="${textY}" text-anchor="end">${text}</text>`;
}

const pick = ({ x, y }: Points, indices: readonly number[]): Points => ({
  x: indices.map(i => x[i]!),
  y: indices.map(i => y[i]!),
});

/** "x,y" in pixels to a tenth; what the axes cannot show is left out. */
function pixels({ xAxis, yAxis, unitX, unitY, top, left, plotWidth }: Placement, { x, y }: Points): string[] {
  return Array.from(x, (value, i) => [placeOn(xAxis, value / unitX.size), placeOn(yAxis, y[i]! / unitY.size)] as const)
    .filter(([right, up]) => Number.isFinite(right) && Number.isFinite(up))
    .map(([right, up]) => `${round(left + right * plotWidth)},${round(top + (1 - up) * plotHeight)}`);
}

const round = (value: number) => Math.round(value * 10) / 10;

function renderAxes({ xAxis, yAxis, top, left, plotWidth }: Placement, xName: string, yName: string): Markup {
  const bottom = top + plotHeight;
  const right = left + plotWidth;
  const xTicks = placeLabels(xAxis, value => round(left + placeOn(xAxis, value) * plotWidth)).map(
    ({ x, label, hasRoom }) => {
      return markup`<line class="grid" x1="${x}" y1="${top}" x2="${x}" y2="${bottom}"/>${hasRoom ? markup`<text x="${x}" y="${bottom + 17}" text-anchor="middle">${label}</text>` : ""}`;
    },
  );
  const yTicks = yAxis.ticks.map(({ value, label }) => {
    const y = round(top + (1 - placeOn(yAxis, value)) * plotHeight);
    return markup`<line class="grid" x1="${left}" y1="${y}" x2="${right}" y2="${y}"/><text x="${left - 7}" y="${y + 4}" text-anchor="end">${label}</text>`;
  });
  const middle = top + plotHeight / 2;
  return markup`${xTicks}${yTicks}<path class="frame" d="M${left} ${top}V${bottom}H${right}"/>
<text x="${left + plotWidth / 2}" y="${bottom + 38}" text-anchor="middle">${xName}</text>
<text x="14" y="${middle}" text-anchor="middle" transform="rotate(-90 14 ${middle})">${yName}</text>`;
}

type Marks = NonNullable<LineChart["marks"]>;

const heightOf = ({ yAxis, top }: Placement, value: number) => round(top + (1 - placeOn(yAxis, value)) * plotHeight);

const renderMarks = (place: Placement, marks: Marks): Markup[] =>
  marks.map(({ value }) => {
    const y = heightOf(place, value);
    return markup`<line class="mark" x1="${place.left}" y1="${y}" x2="${place.left + place.plotWidth}" y2="${y}"/>`;
  });

/** Above the dashed lines, one below the other where lines are close, and over the curves, which would hide them. */
function nameMarks(place: Placement, marks: Marks): Markup[] {
  let lowest = Number.NEGATIVE_INFINITY;
  return [...marks]
    .sort((a, b) => b.value - a.value)
    .map(({ name, value }) => {
      lowest = Math.max(heightOf(place, value) - 5, lowest + markNameHeight);
      return markup`<text class="mark-name" x="${place.left + place.plotWidth - 4}" y="${lowest}" text-anchor="end">${cutText(name, place.plotWidth)}</text>`;
    });
}

/** The run's colour; from the ninth run on, the same colours dashed. */
const classOf = (run: number) => `run-${run % runColours}${run >= runColours ? " again" : ""}`;

/** "time, minutes", but "million tokens" without saying tokens twice. */
function nameAxis({ name, kind }: AxisChoice, unit: Unit): string {
  const named = unit.name === "" ? name : unit.name.endsWith(name) ? unit.name : `${name}, ${unit.name}`;
  return kind === "log" ? `${named} (logarithmic)` : named;
}

const describeAxis = ({ kind, low, high }: Axis, name: string) => JSON.stringify({ kind, low, high, name });

const largestOf = (columns: readonly ArrayLike<number>[]) =>
  columns.reduce((largest, column) => Math.max(largest, scan(column, value => isDrawable("linear", value))[1]), 0);

/** Those of the range; of one that begins where a logarithmic axis cannot, from the first that it can show. */
function limitExtremes(extremes: readonly number[], { size }: Unit, range: Range, kind: Axis["kind"]): number[] {
  const [low, high] = [range[0] / size, range[1] / size];
  return [isDrawable(kind, low) ? low : Math.min(high, ...extremes), high];
}

function findExtremes(series: readonly Points[], axis: "x" | "y", unit: Unit, choice: AxisChoice): number[] {
  return series
    .flatMap(one => scan(one[axis], value => isDrawable(choice.kind, value)))
    .map(value => value / unit.size)
    .concat(choice.fromZero === true && choice.kind === "linear" ? 0 : []);
}

/** The smallest and the largest value that is wanted. */
function scan(values: ArrayLike<number>, wanted: (value: number) => boolean): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!wanted(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

interface LegendEntry {
  readonly name: string;
  readonly run: number;
}

/** Entries from left to right, in as many rows as they need; one for a name. Widths are estimated, for nothing measures text. */
function layLegend(
  entries: readonly LegendEntry[],
  plotWidth: number,
): { items: { name: string; run: number | undefined; x: number; row: number }[]; rows: number } {
  const unique = entries.filter(({ name }, i) => entries.findIndex(other => other.name === name) === i);
  let x = 0;
  let row = 0;
  const named = unique.slice(0, unique.length > mostNamed ? mostNamed - 1 : mostNamed);
  const rest = unique.length - named.length;
  const items = [...named, ...(rest > 0 ? [{ name: `and ${rest} more`, run: undefined }] : [])].map(({ name, run }) => {
    const most = Math.min(60, Math.floor((plotWidth - 24) / characterWidth));
    const shown = name.length > most ? `…${name.slice(1 - most)}` : name;
    const wide = 40 + 7 * shown.length;
    if (x > 0 && x + wide > plotWidth) {
      x = 0;
      row++;
    }
    const item = { name: shown, run, x, row };
    x += wide;
    return item;
  });
  return { items, rows: items.length === 0 ? 0 : row + 1 };
}
