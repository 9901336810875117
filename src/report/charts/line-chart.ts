// A chart of lines as SVG: title, legend, axes with ticks, thinned lines. The plot's axes are written on the element, so the
// page's script can turn a pixel back into values; nothing is stored twice.

import { makePrintable } from "../../base/printable.ts";
import { type Markup, markup } from "../page/markup.ts";
import { chooseUnit, formatNumber, type Quantity, type Unit } from "../quantity.ts";
import { meanOfColumns, type Points, thinToColumns } from "../runs/downsample.ts";
import { type Axis, characterWidth, isDrawable, makeAxis, placeLabels, placeOn } from "./axis.ts";
import { runColours } from "./chart-style.ts";
import { isNarrow, type Layable } from "./layouts.ts";

export interface Series extends Points {
  readonly name: string;
  /** The run's place in the report: its colour. */
  readonly run: number;
  /** line: as it is; noisy: every step faintly and means; smooth: means; dots: few points; smooth dots: means as dots. */
  readonly style: "line" | "noisy" | "smooth" | "dots" | "smooth dots";
  /** What means are taken of where the points are not all there are. */
  readonly means?: Points;
  /** Drawn as a surface around a line, at its x. */
  readonly band?: { readonly low: readonly number[]; readonly high: readonly number[] } | undefined;
  /** Said behind the name where values are read out: "validation". */
  readonly kind?: string;
}

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
}

const plotHeight = 300;
const marginOf = (width: number) =>
  isNarrow(width) ? { left: 62, right: 14, bottom: 46 } : { left: 74, right: 20, bottom: 46 };
/** Where title and legend begin. */
const legendX = (width: number) => (isNarrow(width) ? 6 : marginOf(width).left);

const cutText = (text: string, pixels: number) => makePrintable(text, Math.max(8, Math.floor(pixels / characterWidth)));
const titleHeight = 30;
const legendRowHeight = 19;
/** Columns of pixels that a mean is taken over: of a line, and of dots, which would hide each other. */
const columnsPerMean = 4;
const columnsPerDot = 24;
/** More names than colours and dashes tell apart are not in the legend. */
const mostNamed = 2 * runColours;
const markNameHeight = 14;

/** Prints the chart; `style` goes into a file that stands alone, a page has its own. */
export function renderLineChart(chart: LineChart, style?: Markup): Markup {
  const given = chart.series.filter(({ x }) => x.length > 0);
  const unitX = chooseUnit(chart.x.quantity, largestOf(given.map(({ x }) => x)));
  const xAxis = makeAxis(chart.x.kind, findExtremes(given, "x", unitX, chart.x), { round: false });
  const { width } = chart;
  const margin = marginOf(width);
  const plotWidth = width - margin.left - margin.right;
  const average = (one: Series, pixels = columnsPerMean) =>
    meanOfColumns(one.means ?? one, x => placeOn(xAxis, x / unitX.size), Math.round(plotWidth / pixels));
  const series = given.map((one): Series => {
    if (one.style === "smooth dots") return { ...one, style: "dots", ...average(one, columnsPerDot) };
    return one.style === "smooth" ? { ...one, style: "line", ...average(one) } : one;
  });
  const unitY = chooseUnit(chart.y.quantity, largestOf(series.map(({ y }) => y)));
  const marks = chart.marks ?? [];
  const yExtremes = [
    ...findExtremes(series, "y", unitY, chart.y),
    ...series
      .flatMap(({ band }) =>
        band === undefined ? [] : [...scan(band.low, Number.isFinite), ...scan(band.high, Number.isFinite)],
      )
      .map(value => value / unitY.size),
    ...marks.map(({ value }) => value / unitY.size),
  ];
  const yAxis = makeAxis(chart.y.kind, yExtremes, { round: true });
  const legend = layLegend(series, width - legendX(width) - margin.right);
  const top = titleHeight + legend.rows * legendRowHeight + 8;
  const height = top + plotHeight + margin.bottom;
  const place: Placement = { xAxis, yAxis, unitX, unitY, top, left: margin.left, plotWidth };
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description" data-plot="${[margin.left, top, plotWidth, plotHeight].join(" ")}" data-x="${describeAxis(xAxis, nameAxis(chart.x, unitX))}" data-y="${describeAxis(yAxis, nameAxis(chart.y, unitY))}">
<title id="${chart.id}-title">${chart.title}</title><desc id="${chart.id}-description">${chart.description}</desc>${style}
<rect class="paper" width="${width}" height="${height}"/>
${renderTitle(chart)}
${legend.items.map(({ name, run, x, row }) => {
  const y = titleHeight + row * legendRowHeight + 9;
  const key = markup`<line class="line ${classOf(run ?? 0)}" x1="${legendX(width) + x}" y1="${y}" x2="${legendX(width) + x + 18}" y2="${y}"/>`;
  return markup`${run === undefined ? "" : key}<text x="${legendX(width) + x + 24}" y="${y + 4}">${name}</text>`;
})}
${renderAxes(place, nameAxis(chart.x, unitX), nameAxis(chart.y, unitY))}
${series.length === 0 ? markup`<text x="${margin.left + plotWidth / 2}" y="${top + plotHeight / 2}" text-anchor="middle">no points yet</text>` : ""}
${renderMarks(place, marks)}
${series.map(one => renderBand(place, one))}${series.map(one => renderSeries(place, one, average))}
${renderBest(place, chart.best)}
</svg>`;
}

/** Squeezed where it is longer than a phone is wide. */
function renderTitle({ title, width }: LineChart): Markup {
  const x = legendX(width);
  const squeeze =
    (characterWidth + 1) * title.length > width - x - 6
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

function renderSeries(place: Placement, series: Series, average: (one: Series) => Points): Markup {
  const onAxis = (x: number) => placeOn(place.xAxis, x / place.unitX.size);
  const colour = classOf(series.run);
  const thinned = thinToColumns(
    series,
    onAxis,
    Math.round(place.plotWidth / (series.style === "dots" ? columnsPerMean : 1)),
  );
  const each = pixels(place, pick(series, thinned));
  const name = series.kind === undefined ? series.name : `${series.name} ${series.kind}`;
  const line = (points: readonly string[]) =>
    markup`<polyline class="line ${colour}" data-name="${name}" data-of="${series.name}" points="${points.join(" ")}"/>\n`;
  if (series.style === "line") return line(each);
  if (series.style === "dots") {
    // Lines of no length with round ends: one element for all the dots of a run.
    const dots = each.map(point => `M${point}h0`).join("");
    return markup`<polyline class="join ${colour}" data-name="${name}" points="${each.join(" ")}"/><path class="spots run-${series.run % runColours}" data-of="${series.name}" d="${dots}"/>\n`;
  }
  return markup`<polyline class="each ${colour}" points="${each.join(" ")}" data-of="${series.name}"/>${line(pixels(place, average(series)))}`;
}

function renderBand(place: Placement, { x, band, run, name }: Series): Markup | undefined {
  if (band === undefined) return undefined;
  const [low, high] = [pixels(place, { x, y: band.low }), pixels(place, { x, y: band.high })];
  if (low.length < 2) return undefined;
  return markup`<polygon class="band key-${run % runColours}" data-of="${name}" points="${[...high, ...low.reverse()].join(" ")}"/>\n`;
}

/** A ring, and its name below it where the plot has room there, else above. */
function renderBest(place: Placement, best: LineChart["best"]): Markup | undefined {
  const [point] = best === undefined ? [] : pixels(place, { x: [best.x], y: [best.y] });
  if (best === undefined || point === undefined) return undefined;
  const [x, y] = point.split(",").map(Number) as [number, number];
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

/** Dashed lines with their names above them, one below the other where lines are close. */
function renderMarks(
  { yAxis, unitY, top, left, plotWidth }: Placement,
  marks: NonNullable<LineChart["marks"]>,
): Markup[] {
  const right = left + plotWidth;
  let lowest = Number.NEGATIVE_INFINITY;
  return [...marks]
    .sort((a, b) => b.value - a.value)
    .map(({ name, value }) => {
      const y = round(top + (1 - placeOn(yAxis, value / unitY.size)) * plotHeight);
      lowest = Math.max(y - 5, lowest + markNameHeight);
      return markup`<line class="mark" x1="${left}" y1="${y}" x2="${right}" y2="${y}"/><text class="mark-name" x="${right - 4}" y="${lowest}" text-anchor="end">${cutText(name, plotWidth)}</text>`;
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

function findExtremes(series: readonly Series[], axis: "x" | "y", unit: Unit, choice: AxisChoice): number[] {
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
