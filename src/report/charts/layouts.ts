// A chart on a page stands there in several layouts, and a container query shows the widest that fits: nothing is drawn smaller than
// it was laid out, so letters keep their size on every screen and the end of a curve is in view.

import { type Markup, markup } from "../page/markup.ts";

/** A chart that can be laid out in any width. */
export interface Layable {
  /** Unique on the page, and the name of its files. */
  readonly id: string;
  /** Pixels; text keeps its size. The widest layout unless given. */
  readonly width?: number;
}

/** Pixels: a page's whole width, half of it, a phone. */
export const layoutWidths = [900, 540, 300] as const;

/** How much wider than it was laid out a layout is shown, where nothing wider was printed or fits. */
const mostStretch = 1.45;

/** Below this a chart has no margin to spare. */
export const isNarrow = (width: number): boolean => width < 480;

/** The chart in each layout that is no wider than its own width. */
export function renderLayouts<Chart extends Layable>(chart: Chart, render: (chart: Chart) => Markup): Markup {
  const widest = chart.width ?? layoutWidths[0];
  return markup`${layoutWidths
    .filter(width => width <= widest)
    .map((width, i) => {
      const laidOut = render({ ...chart, id: i === 0 ? chart.id : `${chart.id}-${width}`, width });
      return markup`<div class="layout at-${width}">${laidOut}</div>`;
    })}`;
}

/** Rules for the page: of a figure's layouts the widest that fits is shown, the narrowest where none does. */
export const layoutStyle = [
  "figure{container-type:inline-size;overflow-x:auto}.layout{display:none}",
  ...[...layoutWidths].reverse().map((width, i) => {
    const shown = `.at-${width}{display:block}.at-${width}~.layout{display:none}`;
    const most = width === layoutWidths[0] ? "" : `;max-width:${Math.round(mostStretch * width)}px`;
    return `${i === 0 ? shown : `@container (min-width:${width}px){${shown}}`}.at-${width} svg{min-width:${width}px${most}}`;
  }),
].join("\n");
