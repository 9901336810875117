// Bars cut into parts, one bar a run, all of the same length: what share of a whole went where. A part has its own colour and
// its share written on it where there is room.

import { makePrintable } from "../../base/printable.ts";
import { type Markup, markup } from "../page/markup.ts";
import { formatNumber, formatWithUnit, type Quantity } from "../quantity.ts";
import { characterWidth } from "./axis.ts";
import { isNarrow, type Layable, layoutWidths } from "./layouts.ts";

export interface BarChart extends Layable {
  readonly title: string;
  readonly description: string;
  readonly quantity: Quantity;
  /** In the order of colours; every bar has a value for each. */
  readonly parts: readonly string[];
  readonly bars: readonly { readonly name: string; readonly values: readonly number[] }[];
}

const rowHeight = 48;
const legendRowHeight = 19;

/** Prints the chart; `style` goes into a file that stands alone, a page has its own. */
export function renderBarChart(chart: BarChart, style?: Markup): Markup {
  const { width = layoutWidths[0] } = chart;
  const left = isNarrow(width) ? 6 : 20;
  const barWidth = width - 2 * left;
  let x = left;
  let y = 34;
  const legend = chart.parts.map((part, i) => {
    const name = makePrintable(part, Math.floor((barWidth - 18) / characterWidth));
    const wide = 34 + characterWidth * name.length;
    if (x > left && x + wide - 16 > width - left) {
      x = left;
      y += legendRowHeight;
    }
    const item = markup`<rect class="key-${i}" x="${x}" y="${y}" width="12" height="12"/><text x="${x + 18}" y="${y + 10}">${name}</text>`;
    x += wide;
    return item;
  });
  const top = y + 24;
  const height = top + chart.bars.length * rowHeight + 6;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${chart.id}-title ${chart.id}-description">
<title id="${chart.id}-title">${chart.title}</title><desc id="${chart.id}-description">${chart.description}</desc>${style}
<rect class="paper" width="${width}" height="${height}"/>
<text class="title" x="${left}" y="20">${chart.title}</text>${legend}
${chart.bars.map((bar, row) => renderBar(bar, { left, barWidth, top: top + row * rowHeight }, chart.quantity))}
</svg>`;
}

function renderBar(
  { name, values }: BarChart["bars"][number],
  { left, barWidth, top }: { left: number; barWidth: number; top: number },
  quantity: Quantity,
): Markup {
  const total = values.reduce((sum, value) => sum + value, 0);
  const amount = formatWithUnit(total, quantity);
  const mostCharacters = Math.floor(barWidth / characterWidth) - amount.length - 2;
  const shown = name.length > mostCharacters ? `…${name.slice(1 - mostCharacters)}` : name;
  let before = 0;
  const parts = values.map((value, i) => {
    const share = total === 0 ? 0 : value / total;
    const x = left + barWidth * before;
    before += share;
    const said = `${formatNumber(100 * share)} %`;
    const label = barWidth * share > characterWidth * said.length + 12 ? said : "";
    const part = markup`<rect class="key-${i}" x="${x.toFixed(1)}" y="${top + 18}" width="${(barWidth * share).toFixed(1)}" height="18"/>`;
    return label === ""
      ? part
      : markup`${part}<text class="on-bar" x="${(x + 6).toFixed(1)}" y="${top + 31}">${label}</text>`;
  });
  return markup`<text x="${left}" y="${top + 12}">${shown}: ${amount}</text>
<rect class="frame" x="${left}" y="${top + 18}" width="${barWidth}" height="18"/>${parts}`;
}
