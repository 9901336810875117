// Columns side by side: how many of something have which size. A column's name stands below it, its count above where there is room.

import { type Markup, markup } from "../page/markup.ts";
import { formatNumber } from "../quantity.ts";
import { characterWidth } from "./axis.ts";
import { isNarrow, type Layable, layoutWidths } from "./layouts.ts";

export interface HistogramChart extends Layable {
  readonly title: string;
  readonly description: string;
  /** What the names below the columns are: "characters of a document". */
  readonly axis: string;
  readonly columns: readonly { readonly name: string; readonly count: number }[];
}

const top = 52;
const plotHeight = 160;

export function renderHistogram(chart: HistogramChart): Markup {
  const { id, title, description, axis, columns, width = layoutWidths[0] } = chart;
  const side = isNarrow(width) ? 6 : 20;
  const most = Math.max(1, ...columns.map(({ count }) => count));
  const pitch = (width - 2 * side) / Math.max(1, columns.length);
  const bottom = top + plotHeight;
  /** Every so many columns have room for their name. */
  const longest = Math.max(1, ...columns.map(({ name }) => name.length));
  const stride = Math.max(1, Math.ceil((characterWidth * longest + 4) / pitch));
  const bars = columns.map(({ name, count }, i) => {
    const x = side + i * pitch;
    const height = (plotHeight * count) / most;
    const middle = (x + pitch / 2).toFixed(1);
    const label =
      pitch < characterWidth * formatNumber(count).length + 2 || count === 0
        ? ""
        : markup`<text x="${middle}" y="${(bottom - height - 4).toFixed(1)}" text-anchor="middle">${formatNumber(count)}</text>`;
    return markup`<g><title>${name}: ${count.toLocaleString("en-US")}</title><rect class="key-0" x="${(x + 2).toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${Math.max(1, pitch - 4).toFixed(1)}" height="${height.toFixed(1)}"/></g>${label}${i % stride === 0 && Number(middle) + (characterWidth * name.length) / 2 <= width ? markup`<text x="${middle}" y="${bottom + 16}" text-anchor="middle">${name}</text>` : undefined}`;
  });
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${bottom + 44}" width="${width}" height="${bottom + 44}" role="img" aria-labelledby="${id}-title ${id}-description">
<title id="${id}-title">${title}</title><desc id="${id}-description">${description}</desc>
<rect class="paper" width="${width}" height="${bottom + 44}"/>
<text class="title" x="${side}" y="20">${title}</text>
<line class="frame" x1="${side}" y1="${bottom}" x2="${width - side}" y2="${bottom}"/>
${bars}
<text x="${width / 2}" y="${bottom + 36}" text-anchor="middle">${axis}</text>
</svg>`;
}
