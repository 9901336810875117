// Columns side by side: how many of something have which size. A column's name stands below it, its count above where there is room.

import { type Markup, markup } from "../page/markup.ts";
import { formatNumber } from "../quantity.ts";

export interface HistogramChart {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** What the names below the columns are: "characters of a document". */
  readonly axis: string;
  readonly columns: readonly { readonly name: string; readonly count: number }[];
}

const width = 900;
const side = 20;
const top = 52;
const plotHeight = 160;

export function renderHistogram({ id, title, description, axis, columns }: HistogramChart): Markup {
  const most = Math.max(1, ...columns.map(({ count }) => count));
  const pitch = (width - 2 * side) / Math.max(1, columns.length);
  const bottom = top + plotHeight;
  const bars = columns.map(({ name, count }, i) => {
    const x = side + i * pitch;
    const height = (plotHeight * count) / most;
    const middle = (x + pitch / 2).toFixed(1);
    const label =
      pitch < 34 || count === 0
        ? ""
        : markup`<text x="${middle}" y="${(bottom - height - 4).toFixed(1)}" text-anchor="middle">${formatNumber(count)}</text>`;
    return markup`<g><title>${name}: ${count.toLocaleString("en-US")}</title><rect class="key-0" x="${(x + 2).toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${(pitch - 4).toFixed(1)}" height="${height.toFixed(1)}"/></g>${label}<text x="${middle}" y="${bottom + 16}" text-anchor="middle">${name}</text>`;
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
