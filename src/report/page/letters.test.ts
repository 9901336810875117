// Letters are 12 px or larger on every screen: read off the page's rules and the charts' own sizes, for a chart is scaled as a whole.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { renderBarChart } from "../charts/bar-chart.ts";
import { lightChartStyle } from "../charts/chart-style.ts";
import { renderDifferenceChart } from "../charts/difference-chart.ts";
import { renderHistogram } from "../charts/histogram-chart.ts";
import { renderIntervalChart } from "../charts/interval-chart.ts";
import { type Layable, renderLayouts } from "../charts/layouts.ts";
import { type LineChart, renderLineChart } from "../charts/line-chart.ts";
import { renderParallelChart } from "../charts/parallel-chart.ts";
import { renderDashboardPage } from "../dashboard/dashboard-page.ts";
import { type Markup, trustMarkup } from "./markup.ts";
import { pageStyle } from "./page-style.ts";

const smallestPixels = 12;
const bodyPixels = 15;
const name = "a name that is as long as names of runs are";
const shares = [0.6, 0.2, 0.15, 0.05];
const labels = { id: "c", title: "What a chart is called that says much", description: "d" };

const line: LineChart = {
  ...labels,
  width: 900,
  x: { name: "time", quantity: "seconds", kind: "linear" },
  y: { name: "loss", quantity: "nats", kind: "linear" },
  series: [{ name, run: 0, style: "dots", x: [0, 5000], y: [9, 3] }],
  marks: [{ name, value: 6 }],
};

/** Each kind of chart in its layouts, by what an element of it says last. */
const charts: Readonly<Record<string, Markup>> = {
  lines: renderLayouts(line, renderLineChart),
  bars: renderLayouts(
    {
      ...labels,
      quantity: "seconds",
      parts: shares.map(share => `${name} ${share}`),
      bars: [{ name, values: shares }],
    },
    renderBarChart,
  ),
  intervals: renderLayouts(
    {
      ...labels,
      models: [{ name, run: 0, isFilled: true }],
      bands: [{ name, intervals: [{ low: 20, value: 50, high: 90 }], marks: [{ name, value: 100 }] }],
      marksName: name,
    },
    renderIntervalChart,
  ),
  histogram: renderLayouts(
    {
      ...labels,
      axis: name,
      columns: Array.from({ length: 40 }, (_, i) => ({ name: `${2 ** i}`, count: 10 ** (i % 6) })),
    },
    renderHistogram,
  ),
  differences: renderLayouts(
    { ...labels, axis: "nats", rows: [{ name, low: -0.3, value: -0.2, high: 0.1, verdict: "" as const }] },
    renderDifferenceChart,
  ),
  parallel: renderLayouts(
    {
      ...labels,
      axes: Array.from({ length: 7 }, () => ({ name, detail: name })),
      lines: [{ name, values: [1, 2, 3, 4, 5, 6, 7] }],
    },
    renderParallelChart,
  ),
} satisfies Readonly<Record<string, Markup>>;

interface Layout {
  /** Of the container, in pixels; it is shown from here on, where nothing wider is. */
  readonly from: number;
  /** The least pixels that its rules show it in, whatever room there is. */
  readonly least: number;
  /** The pixels that it was drawn in. */
  readonly drawn: number;
  readonly svg: string;
}

/** Reads the rules as a browser does: which layout appears in a container of which width. */
function listLayouts({ text }: Markup): Layout[] {
  return [...text.matchAll(/<div class="layout at-(\d+)">(<svg[\s\S]*?<\/svg>)/g)].map(([, name, svg]) => {
    const container = new RegExp(`@container \\(min-width:(\\d+)px\\)\\{\\.at-${name}\\{display:block`).exec(pageStyle);
    const rule = new RegExp(`\\.at-${name} svg\\{min-width:(\\d+)px`).exec(pageStyle);
    const own = /^<svg[^>]* style="min-width:(\d+)px"/.exec(svg!);
    return {
      from: Number(container?.[1] ?? 0),
      least: Number(own?.[1] ?? rule?.[1]),
      drawn: Number(/viewBox="0 0 (\d+) /.exec(svg!)![1]),
      svg: svg!,
    };
  });
}

test("rules of charts and pages have no size below 12 px on a screen", () => {
  const screen = `${pageStyle}${/<style>([\s\S]*?)<\/style>/.exec(renderDashboardPage("runs"))![1]}`.replace(
    /@media print\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g,
    "",
  );
  for (const style of [screen, lightChartStyle]) {
    const sizes = [...style.matchAll(/font(?:-size)?:[^;}]*?(\d*\.?\d+)(px|r?em)/g)];
    assert.ok(sizes.length > 1);
    for (const [rule, value, unit] of sizes) {
      // Nothing that has letters stands in two of them at once; 1rem is 16 px.
      const pixels = Number(value) * (unit === "px" ? 1 : unit === "rem" ? 16 : bodyPixels);
      assert.ok(pixels >= smallestPixels, `${rule} is ${pixels} px`);
    }
  }
});

for (const [kind, chart] of Object.entries(charts)) {
  test(`${kind}: no layout is shown in fewer pixels than it was drawn in, and its letters end inside`, () => {
    const layouts = listLayouts(chart);
    assert.deepEqual(
      layouts.map(({ from }) => from),
      [900, 540, 0],
    );
    for (const { from, least, drawn, svg } of layouts) {
      const shown = Math.max(from, least);
      assert.ok(shown >= drawn, `${drawn} px are shown in ${shown}`);
      const ends = [...svg.matchAll(/<text(?: class="[^"]*")? x="([\d.-]+)"[^>]*?(?:text-anchor="(\w+)")?>([^<]*)</g)];
      assert.ok(ends.length > 2);
      for (const [, x, anchor, text] of ends) {
        const wide = 6.5 * text!.length;
        const right = Number(x) + (anchor === "end" ? 0 : anchor === "middle" ? wide / 2 : wide);
        if (!/textLength/.test(svg.slice(0, svg.indexOf(text!))))
          assert.ok(right <= drawn + 8, `${text} ends at ${right} of ${drawn}`);
      }
    }
  });
}

test("a chart that is half a page wide has no layout of a whole one", () => {
  const layable: Layable = { id: "c", width: 540 };
  assert.equal(renderLayouts(layable, () => trustMarkup("<svg/>")).text.match(/class="layout/g)!.length, 2);
});

test("the documentation's pictures are drawn no wider than a phone shows them", () => {
  const folder = new URL("../../../../docs/pictures/", import.meta.url);
  const pictures = readdirSync(folder).filter(each => each.endsWith(".svg"));
  assert.ok(pictures.length > 2);
  const phonePixels = 390 - 2 * 16;
  for (const picture of pictures) {
    const width = Number(/viewBox="0 0 (\d+) /.exec(readFileSync(new URL(picture, folder), "utf8"))![1]);
    assert.ok(width <= phonePixels, `${picture}: ${width} px`);
  }
});
