// One bad folder must not stop the others: a table of folders that a full disk, another version or somebody's malice leaves,
// each beside a good run, through the report and through the dashboard.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../base/clock.ts";
import type { News } from "./dashboard/dashboard-news.ts";
import { type Dashboard, openDashboard } from "./dashboard/dashboard-server.ts";
import type { View } from "./dashboard/dashboard-view.ts";
import { renderPage } from "./page/page.ts";
import { makeReport } from "./report.ts";
import { readRun } from "./runs/run-record.ts";

const root = mkdtempSync(join(tmpdir(), "cram-bad-runs-"));

const start = { kind: "start", step: 0, device: "d", parameters: 5, warmupSeconds: 1, elapsedSeconds: 0 };
const step = (number: number, changes = {}) => ({
  kind: "step",
  ...{ step: number, progress: number / 100, elapsedSeconds: number, loss: 10 - number / 20, gradientNorm: 1 },
  ...{ learningRate: 1e-3, batchSequences: 4, tokens: 512 * number, stepSeconds: 0.5, skipped: false },
  ...changes,
});
const renderLines = (events: readonly unknown[]) => events.map(event => `${JSON.stringify(event)}\n`).join("");
const goodEvents = renderLines([start, ...Array.from({ length: 20 }, (_, i) => step(i + 1))]);
const losses = (values: readonly number[], key = "loss") =>
  renderLines([start, ...values.map((value, i) => step(i + 1, { [key]: value }))]);

const cell = {
  median: 50,
  minimum: 1,
  maximum: 60,
  seeds: 1,
  overSeeds: { low: 1, high: 2 },
  overExamples: { low: 1, high: 2 },
};
/** Written as text, for __proto__ is no key of a literal. */
const scoreboard = (columns: readonly string[], rows = 1) =>
  `{"title":"T","columns":[${columns
    .map(name => `{"name":"${name}","title":"${name}","metric":"m"}`)
    .join()}],"rows":[${Array.from(
    { length: rows },
    () => `{"kind":"none","name":"x","cells":{${columns.map(name => `"${name}":${JSON.stringify(cell)}`).join()}}}`,
  ).join()}],"subsets":{}}`;
const nest = (open: string, close: string) => `${open.repeat(5000)}1${close.repeat(5000)}`;
const put = (path: string) => (run: string, content: string) => {
  mkdirSync(dirname(join(run, path)), { recursive: true });
  writeFileSync(join(run, path), content);
};
const scores = put("evaluations/own/scoreboard.json");

/** How a good run is spoilt, and what is said of it; nothing where it can be shown whole. */
const spoilt: Readonly<Record<string, readonly [(run: string) => unknown, RegExp?]>> = {
  "deep lists": [run => put("recipe.json")(run, nest("[", "]")), /recipe\.json: .*nested/],
  "deep objects": [run => put("recipe.json")(run, nest('{"a":', "}")), /recipe\.json: .*nested/],
  "deep data": [run => put("data.json")(run, nest("[", "]")), /data\.json: .*nested/],
  "deep fills": [run => put("fills.jsonl")(run, nest("[", "]")), /fills\.jsonl/],
  "deep event": [run => put("events.jsonl")(run, `${nest("[", "]")}\n`), /events\.jsonl:1/],
  "layers 1e9": [run => put("recipe.json")(run, '{"name":"r","model":{"layers":1000000000}}')],
  "wide recipe": [
    run => put("recipe.json")(run, JSON.stringify(Array.from({ length: 99_999 }, (_, i) => i))),
    /recipe\.json: more than/,
  ],
  "a column constructor": [run => scores(run, scoreboard(["constructor", "toString", "__proto__", "hasOwnProperty"]))],
  "rows 20000": [run => scores(run, scoreboard(["a"], 20_000)), /scoreboard\.json: .*(rows|more than)/],
  "columns 2000": [run => scores(run, scoreboard(Array.from({ length: 2000 }, (_, i) => `c${i}`))), /2000 columns/],
  "losses tiny": [run => put("events.jsonl")(run, losses([5e-324, 1e-323, 0, -0, 1]))],
  "losses of all sizes": [run => put("events.jsonl")(run, losses([1e-45, 3.4e38, 1, -1, -3e38]))],
  "losses huge": [run => put("events.jsonl")(run, losses([1e308, 1])), /events\.jsonl:2: .*loss/],
  "losses infinite": [
    run => put("events.jsonl")(run, losses([1]).replace('"loss":1', '"loss":1e999')),
    /events\.jsonl:2/,
  ],
  ...Object.fromEntries(
    ["elapsedSeconds", "tokens", "stepSeconds", "batchSequences", "progress", "learningRate"].map(key => [
      `${key} huge`,
      [
        (run: string) => put("events.jsonl")(run, losses([1, 1e308], key)),
        new RegExp(`events\\.jsonl:3: .*${key}`),
      ] as const,
    ]),
  ),
  "times tiny": [
    run =>
      put("events.jsonl")(
        run,
        renderLines([
          start,
          step(1, { elapsedSeconds: 5e-324, stepSeconds: 5e-324, tokens: 5e-324, progress: 5e-324 }),
        ]),
      ),
  ],
  "device long": [run => put("events.jsonl")(run, renderLines([{ ...start, device: "x".repeat(900_000) }]))],
  "pipe for a recipe": [
    run => spoil(run, "recipe.json", path => execFileSync("mkfifo", [path])),
    /recipe\.json: .*pipe/,
  ],
  "pipe for fills": [run => spoil(run, "fills.jsonl", path => execFileSync("mkfifo", [path])), /fills\.jsonl: .*pipe/],
  "pipe for data": [run => spoil(run, "data.json", path => execFileSync("mkfifo", [path])), /data\.json: .*pipe/],
  "endless recipe": [
    run => spoil(run, "recipe.json", path => symlinkSync("/dev/zero", path)),
    /recipe\.json: .*device/,
  ],
  "dangling data": [
    run => spoil(run, "data.json", path => symlinkSync("/nowhere", path)),
    /data\.json: a symbolic link to \/nowhere, where nothing is/,
  ],
  "folder for fills": [run => spoil(run, "fills.jsonl", path => mkdirSync(path)), /fills\.jsonl: .*folder/],
  "file for evaluations": [run => put("evaluations")(run, "x"), /evaluations: .*a file, and no folder/],
  "huge fills": [
    run =>
      spoil(run, "fills.jsonl", path => {
        writeFileSync(path, "");
        truncateSync(path, 3e9);
      }),
    /fills\.jsonl: more than/,
  ],
  "huge recipe": [
    run =>
      spoil(run, "recipe.json", path => {
        writeFileSync(path, "");
        truncateSync(path, 3e9);
      }),
    /recipe\.json: more than/,
  ],
  "empty recipe": [run => put("recipe.json")(run, ""), /recipe\.json/],
  "recipe null": [run => put("recipe.json")(run, "null")],
  "binary events": [
    run => put("events.jsonl")(run, "\u0000\u001b]0;x\u0007\n"),
    /events\.jsonl:1: not JSON: \\u0000\\u001b/,
  ],
};

function spoil(run: string, name: string, make: (path: string) => void): void {
  rmSync(join(run, name), { force: true });
  make(join(run, name));
}

function makeRun(name: string): string {
  const run = join(root, name);
  mkdirSync(run, { recursive: true });
  writeFileSync(join(run, "recipe.json"), JSON.stringify({ name: "r", train: { budget: "100steps" } }));
  writeFileSync(join(run, "data.json"), JSON.stringify({ data: join(root, "none") }));
  writeFileSync(join(run, "events.jsonl"), goodEvents);
  return run;
}

let dashboard: Dashboard;
before(async () => {
  makeRun("good");
  for (const [name, [change]] of Object.entries(spoilt)) change(makeRun(name));
  dashboard = await openDashboard({
    ...{ folder: root, host: "127.0.0.1", port: 0, token: undefined, clock: systemClock },
    readRecipeFacts: () => ({ flopsPerToken: 1000 }),
  });
});
after(async () => {
  dashboard.close();
  await dashboard.done;
  rmSync(root, { recursive: true });
});

for (const [name, [, trouble]] of Object.entries(spoilt)) {
  test(`a report beside a run with ${name}`, () => {
    const good = readRun(join(root, "good"), "good", { flopsPerToken: 1 });
    let said = "";
    let runs = [good];
    try {
      const bad = readRun(join(root, name), name, { flopsPerToken: 1 });
      said = bad.troubles.join("; ");
      runs = [good, bad];
    } catch (error) {
      said = (error as Error).message;
    }
    if (trouble === undefined) assert.equal(said, "");
    else assert.match(said, trouble);
    assert.ok(said.length < 1100);
    const page = renderPage(makeReport(runs), "now", [said]);
    assert.ok(page.length < 3e6, `${page.length} characters`);
    assert.ok(!/="[^"]*NaN/.test(page), "a place that is no number");
    assert.ok(page.includes("good"));
  });
}

test("a dashboard shows every run, with what is wrong with it", async () => {
  const names = ["good", ...Object.keys(spoilt)];
  const rows = new Map<string, News["rows"][number]>();
  const stop = AbortSignal.timeout(20_000);
  const stream = await fetch(`${dashboard.url}runs`, { signal: stop });
  let text = "";
  for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    const messages = text.split("\n\n");
    text = messages.pop()!;
    for (const message of messages) {
      if (!message.startsWith("data: ")) continue;
      for (const row of (JSON.parse(message.slice(6)) as News).rows) rows.set(row.name, row);
    }
    if (names.every(name => rows.has(name) && !String(rows.get(name)!.cells[0]![0]).startsWith("reading"))) break;
  }
  for (const [name, [, trouble]] of Object.entries(spoilt)) {
    if (trouble === undefined) assert.equal(rows.get(name)!.trouble, null, name);
    else assert.match(rows.get(name)!.trouble!, trouble, name);
  }
  for (const axes of [0, 1, 2, 3, 4, 5]) {
    const asked = names.map(name => `run=${encodeURIComponent(name)}`).join("&");
    const view = await fetch(`${dashboard.url}view?axes=${axes}&sections=1&${asked}`, { signal: stop });
    assert.equal(view.status, 200);
    const { charts } = (await view.json()) as View;
    assert.ok(charts.every(chart => chart.startsWith("<svg") && !chart.includes("NaN")));
  }
});

test("a run that gave up says that it diverged", () => {
  const run = makeRun("diverged");
  writeFileSync(join(run, "recipe.json"), JSON.stringify({ name: "r", train: { badStepsAllowed: 3 } }));
  const bad = { loss: null, gradientNorm: null, skipped: true };
  writeFileSync(join(run, "events.jsonl"), goodEvents + renderLines([21, 22, 23].map(number => step(number, bad))));
  assert.match(
    renderPage(makeReport([readRun(run, "x", { flopsPerToken: 1 })]), "now", []),
    /diverged: its last 3 steps were not finite/,
  );
});

test("HEAD is answered, and 300 views at once do not stop a reader of the page", async () => {
  const head = await fetch(dashboard.url, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  const views = Array.from({ length: 100 }, () => fetch(`${dashboard.url}view?run=good`).then(({ status }) => status));
  const page = await fetch(dashboard.url, { signal: AbortSignal.timeout(10_000) });
  assert.equal(page.status, 200);
  const statuses = await Promise.all(views);
  assert.ok(statuses.every(status => status === 200 || status === 503) && statuses.includes(200));
});
