import assert from "node:assert/strict";
import { test } from "node:test";
import { type DifferenceChart, renderDifferenceChart } from "../charts/difference-chart.ts";
import { renderParallelChart } from "../charts/parallel-chart.ts";
import { renderSweepPage } from "./sweep-page.ts";

const rows: DifferenceChart["rows"] = [
  { name: "<better>", low: -0.3, value: -0.2, high: -0.1, verdict: "better" },
  { name: "noise", low: -20, value: 0.1, high: 20.2, verdict: "" },
];
const differences = { id: "differences", title: "t", description: "d", axis: "nats", rows };
const xs = (svg: string, pattern: RegExp) => [...svg.matchAll(pattern)].map(found => Number(found[1]));

test("differences stand where their axis says, and an interval far beyond the values is cut", () => {
  const { text } = renderDifferenceChart(differences);
  const [better, noise] = xs(text.slice(text.indexOf("<g>")), /<circle[^>]* cx="([\d.]+)"/g);
  const zero = xs(text, /class="level" x1="([\d.]+)"/g)[0]!;
  // −0.2 is twice as far left of 0 as 0.1 is right of it.
  assert.ok(Math.abs(zero - better! - 2 * (noise! - zero)) < 0.5);
  const ends = xs(text, /x2="([\d.]+)" y2="[\d.]+"\/><circle/g);
  assert.ok(ends.every(end => end <= 870) && noise! - zero > 30);
  assert.ok(text.includes("&lt;better&gt;") && !text.includes("<better>"));
});

test("parallel coordinates draw a range that spans much by its logarithm, names evenly, and the best quarter in colour", () => {
  const { text } = renderParallelChart({
    ...{ id: "p", title: "t", description: "d" },
    axes: ["rate", "name", "loss"].map(name => ({ name, detail: "" })),
    lines: [
      { name: "1", values: [1e-4, "a", 1] },
      { name: "2", values: [1e-3, "b", 2] },
      { name: "3", values: [1e-2, "c", 3] },
      { name: "4", values: [1e-2, "b", 4] },
    ],
  });
  const lines = [...text.matchAll(/<polyline class="([^"]*)" points="([^"]*)"/g)];
  const heights = new Map(
    lines.map(([, , points], i) => [4 - i, points!.split(" ").map(point => Number(point.split(",")[1]))]),
  );
  assert.deepEqual(heights.get(1), [334, 334, 334]);
  assert.deepEqual(heights.get(2)!.slice(0, 2), [204, 204]);
  assert.deepEqual(heights.get(3)!.slice(0, 2), [74, 74]);
  assert.deepEqual(
    lines.map(([, paint]) => paint!.startsWith("line")),
    [false, false, false, true],
  );
});

test("the page loads nothing and takes no markup from names", () => {
  const table = {
    id: "t",
    caption: "c",
    columns: [{ key: "a", name: "a", quantity: "text" as const }],
    rows: [["<b>x"]],
  };
  const page = renderSweepPage({
    ...{
      title: "<i>",
      date: "now",
      verdict: "<em>low",
      notes: ["<u>"],
      table,
      explanation: "",
      differences,
      curves: [],
      search: undefined,
    },
    ...{ trials: table, texts: [{ name: "CSV", text: "<s>" }] },
  });
  assert.match(page, /default-src 'none'/);
  for (const tag of ["<b>x", "<i>", "<u>", "<s>"]) assert.ok(!page.includes(tag));
});
