import assert from "node:assert/strict";
import { test } from "node:test";
import { type LineChart, renderLineChart } from "./line-chart.ts";
import type { Series } from "./series.ts";

const axis = { name: "time", quantity: "number", kind: "linear", fromZero: true } as const;
const draw = (series: readonly Series[]) => {
  const chart: LineChart = { width: 900, id: "c", title: "T", description: "D", x: axis, y: axis, series };
  return renderLineChart(chart).text;
};
const ramp = (length: number) => ({
  x: Array.from({ length }, (_, i) => i),
  y: Array.from({ length }, (_, i) => i % 7),
});
const seriesOf = (run: number, style: Series["style"], length: number): Series => ({
  ...{ name: `run ${run}`, run, style },
  ...ramp(length),
});

test("few dots are all drawn where they are, by hand", () => {
  const text = draw([{ name: "a", run: 1, style: "dots", x: [0, 5, 10], y: [0, 10, 5] }]);
  // The plot is 806 wide from 74 on and 250 high; title and a row of legend are above it.
  assert.match(text, /data-plot="74 57 806 250"/);
  assert.match(text, /<path class="spots run-1" data-of="a" d="M74,307h0M477,57h0M880,182h0"\/>/);
});

test("thousands of dots are at most two for four columns of pixels, and of many runs one for 24", () => {
  const count = (style: Series["style"]) => draw([seriesOf(0, style, 50_000)]).match(/h0/g)!.length;
  assert.ok(count("dots") <= 2 * 202 && count("dots") > 300);
  assert.equal(count("smooth dots"), Math.round(806 / 24));
});

test("a legend names as many as colours and dashes tell apart, and counts the rest", () => {
  const legendOf = (runs: number) =>
    [
      ...draw(Array.from({ length: runs }, (_, run) => seriesOf(run, "line", 2))).matchAll(
        /">([^<]*(?:run|more)[^<]*)<\/text>/g,
      ),
    ].map(match => match[1]);
  assert.equal(legendOf(16).length, 16);
  assert.deepEqual([legendOf(50).length, legendOf(50).at(-2), legendOf(50).at(-1)], [16, "run 14", "and 35 more"]);
});

test("a chart for a phone has the whole curve, letters of their size, and no label over another", () => {
  const x = Array.from({ length: 500 }, (_, i) => i * 977);
  const chart: LineChart = {
    ...{ width: 900, id: "wide", title: "A title that is longer than a phone is wide, by far", description: "d" },
    x: { name: "steps", quantity: "number", kind: "linear", fromZero: true },
    y: { name: "loss", quantity: "nats", kind: "linear" },
    series: [{ name: "a".repeat(90), run: 0, style: "line", x, y: x.map(value => value / 1e5) }],
  };
  const { text } = renderLineChart({ ...chart, width: 300 });
  assert.match(text, /viewBox="0 0 300 /);
  const [left, , width] = /data-plot="([^"]+)"/.exec(text)![1]!.split(" ").map(Number);
  const points = / points="([^"]+)"/
    .exec(text)![1]!
    .split(" ")
    .map(point => Number(point.split(",")[0]));
  assert.ok(Math.max(...points) > left! + 0.9 * width! && left! + width! <= 300);
  const labels = [...text.matchAll(/<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">([\d,.]+)</g)];
  assert.ok(labels.length > 1);
  labels.slice(1).forEach(([, at, label], i) => {
    const [, before, other] = labels[i]!;
    assert.ok(Number(at) - Number(before) >= 3.5 * (label!.length + other!.length));
  });
});

test("a band stands around its line, and the best end has a ring, by hand", () => {
  const band = { low: [9, 4], high: [11, 6] };
  const chart: LineChart = {
    ...{ width: 900, id: "c", title: "T", description: "D", x: axis, y: axis },
    series: [
      { name: "mean", run: 2, style: "line", x: [0, 10], y: [10, 5], band },
      { name: "other", run: 1, style: "line", x: [0, 10], y: [12, 12] },
    ],
    best: { name: "mean", run: 2, x: 10, y: 5 },
  };
  const { text } = renderLineChart(chart);
  // 0 to 12 are 250 pixels from 307 up: 11 is at 77.8, 6 at 182, 4 at 223.7, 9 at 119.5, 5 at 202.8.
  assert.match(text, /<polygon class="band key-2" data-of="mean" points="74,77.8 880,182 880,223.7 74,119.5"\/>/);
  assert.match(text, /<circle class="ring run-2" cx="880" cy="202.8" r="8"\/><text [^>]*>best: mean: 5</);
});

test("a range fills the plot with what is seen there, and a mark outside it is not drawn, by hand", () => {
  const chart: LineChart = {
    ...{ width: 900, id: "c", title: "T", description: "D", x: axis, y: axis },
    series: [{ name: "a", run: 1, style: "line", x: [0, 10, 20], y: [100, 10, 20] }],
    marks: [{ name: "target", value: 100 }],
    range: [10, 15],
  };
  const { text } = renderLineChart(chart);
  // 10 to 15 on both axes: up from 307, and no 0.
  assert.match(text, /data-name="a" data-of="a" points="74,307 880,57"/);
  assert.doesNotMatch(text, /target/);
  assert.match(renderLineChart({ ...chart, range: [30, 40] }).text, /no points in this range/);
  assert.match(renderLineChart({ ...chart, range: undefined }).text, /target/);
});

test("smoothing keeps the points faintly behind the exponential mean; a schedule stays as it is", () => {
  const chart: LineChart = {
    ...{ width: 900, id: "c", title: "T", description: "D", x: axis, y: { ...axis, fromZero: false } },
    series: [{ name: "a", run: 1, style: "noisy", x: [0, 5, 10], y: [0, 8, 0] }],
    smoothing: 0.5,
  };
  const { text } = renderLineChart(chart);
  // A half-life of half the axis: 8 / 1.5, then (0 + 8 / 2) / 1.75; on 0 to 8 over 250 pixels.
  assert.match(text, /class="each run-1" points="74,307 477,57 880,307"/);
  assert.match(text, /class="line run-1" data-name="a" data-of="a" points="74,307 477,140.3 880,235.6"/);
  const schedule = renderLineChart({ ...chart, series: [{ ...chart.series[0]!, style: "line" }] }).text;
  assert.match(schedule, /class="line run-1" data-name="a" data-of="a" points="74,307 477,57 880,307"/);
  assert.doesNotMatch(schedule, /class="each/);
});
