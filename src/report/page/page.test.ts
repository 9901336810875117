import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeScoreboard } from "../../evaluate/scores/scoreboard.ts";
import type { TaskResult } from "../../evaluate/storage/result.ts";
import { glue } from "../../evaluate/suites/glue.ts";
import type { TrainingEvent } from "../../events/event.ts";
import { makeReport, renderCharts } from "../report.ts";
import { readRun } from "../runs/run-record.ts";
import { saveData } from "../save.ts";
import { renderPage } from "./page.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-page-"));
after(() => rmSync(folder, { recursive: true }));

const hostile = `</script></title><script>alert(1)</script><img src=x onerror='alert(2)'>"]]>`;

/** A run of `steps` steps, a spike of 50 at the middle one; `word` is what its files say wherever they say a word. */
function makeRun(name: string, steps: number, word: string, peakFlops?: number): string {
  const run = join(folder, name);
  const suite = join(run, "evaluations", "glue");
  const documents = join(run, "data", "documents");
  for (const path of [suite, documents]) mkdirSync(path, { recursive: true });
  const events: (TrainingEvent & { peakFlops?: number })[] = [
    {
      kind: "start",
      step: 0,
      device: word,
      parameters: 9,
      warmupSeconds: 1,
      elapsedSeconds: 0,
      unigramEntropy: 6,
      ...(peakFlops && { peakFlops }),
    },
    { kind: "validation", step: 0, progress: 0, elapsedSeconds: 0.5, loss: 9 },
  ];
  for (let step = 1; step <= steps; step++) {
    const loss = step === steps >> 1 ? 50 : 3 + (6 * (step % 7)) / step;
    const place = { step, progress: step / steps, elapsedSeconds: step };
    const rest = {
      learningRate: 1e-3 * (1 - step / steps),
      batchSequences: 8,
      tokens: 1024 * step,
      stepSeconds: 0.5,
      skipped: false,
    };
    events.push({ kind: "step", ...place, loss, gradientNorm: 1 + (step % 3), ...rest });
  }
  const last = { step: steps, elapsedSeconds: steps };
  events.push(
    { kind: "validation", ...last, progress: 1, loss: 3.25 },
    { kind: "end", ...last, tokens: 1024 * steps, reason: "budget" },
  );
  const { columns, rows, subsets } = scoreboard;
  const files = {
    "recipe.json": { name: word, [word]: { [word]: word }, train: { budget: word, seed: name.length } },
    "data.json": { data: join(run, "data") },
    "data/documents/manifest.json": {
      funnel: { read: amount, kept: amount, dropped: { [word]: amount, "met by none": nothing } },
    },
    "evaluations/glue/scoreboard.json": {
      title: word,
      columns: columns.map(column => ({ ...column, title: word })),
      rows: rows.map(row => ({ ...row, name: row.kind === "published" ? row.name : word })),
      subsets: { ...subsets, cola: [word] },
    },
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(join(run, path), JSON.stringify(content));
  writeFileSync(join(run, "events.jsonl"), events.map(event => `${JSON.stringify(event)}\n`).join(""));
  writeFileSync(
    join(run, "fills.jsonl"),
    JSON.stringify({ text: `${word} [MASK]`, masks: [{ candidates: [{ token: word, probability: 0.5 }] }] }),
  );
  return run;
}
const amount = { documents: 2, characters: 20 };
const nothing = { documents: 0, characters: 0 };

/** Three seeds of CoLA, made into a scoreboard and then JSON as `cram evaluate` does; only what the scoreboard reads of a result. */
const scoreboard = makeScoreboard(
  [0.5, 0.3, 0.4].map((score, seed) => ({
    ...{ task: "cola", title: "CoLA", metrics: ["matthews"], control: "none", seed, model: "m", subsets: [] },
    splits: [{ name: "validation", scores: { matthews: score }, interval: { low: 0.1, high: 0.6 } }],
  })) as unknown as readonly TaskResult[],
  glue,
);

const run = readRun(makeRun("plain", 40, "plain"), "plain", { flopsPerToken: 1e6 });
const other = readRun(makeRun("hostile", 30, hostile, 4e9), hostile, { flopsPerToken: 1e6 });
const report = makeReport([run, other]);
const page = renderPage(report, "2026-01-02", [hostile]);

test("nothing from a file becomes a tag", () => {
  assert.equal(page.match(/<script/gi)?.length, 1);
  assert.equal(page.match(/<\/title>\s*<style>/gi)?.length, 1);
  assert.doesNotMatch(page, /<img/i);
  // The run's name, device, recipe with its keys and budget, fills, funnel, scores, the note: all are there, and as text.
  assert.ok(page.split("&lt;img src=x onerror=&#39;alert(2)&#39;&gt;").length > 30);
});

test("tags are closed in their order, in the page and in every chart", () => {
  const voids = new Set(["meta", "input", "!doctype"]);
  const checkTags = (text: string) => {
    const open: string[] = [];
    const whole = text.replace(/(<(style|script)>)[\s\S]*?(<\/\2>)/g, "$1$3");
    for (const [, end, name, rest] of whole.matchAll(/<(\/?)([!a-z0-9]+)([^<>]*)>/g)) {
      if (end === "/") assert.equal(open.pop(), name);
      else if (!rest!.endsWith("/") && !voids.has(name!)) open.push(name!);
    }
    assert.deepEqual(open, []);
    assert.equal(whole.match(/</g)!.length, whole.match(/<\/?[!a-z0-9]+[^<>]*>/g)!.length);
  };
  checkTags(page);
  for (const { svg } of renderCharts(report)) checkTags(svg.text);
});

test("the page's policy lets it load nothing and run its own script alone", () => {
  const script = /<script>([\s\S]*)<\/script>/.exec(page)![1]!;
  assert.match(page, /default-src 'none'/);
  assert.ok(page.includes(`'sha256-${createHash("sha256").update(script).digest("base64")}'`));
  assert.doesNotMatch(page.replaceAll("http://www.w3.org/2000/svg", ""), /https?:|src="|url\(|@import/);
  assert.doesNotThrow(() => new Function(script));
});

test("every chart has a title and a description, and all ids are different", () => {
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(match => match[1]!);
  assert.equal(new Set(ids).size, ids.length);
  for (const [, labels] of page.matchAll(/aria-labelledby="([^"]+)"/g)) {
    for (const label of labels!.split(" ")) assert.ok(ids.includes(label), label);
  }
  // Every chart of the report stands there once under its own name, and again in narrower layouts.
  const again = page.match(/<svg [^>]*aria-labelledby="[^"]*-(?:540|300)-title/g)!.length;
  assert.equal(page.match(/<svg [^>]*role="img"/g)?.length, [...renderCharts(report)].length + again);
});

test("numbers stand in the tables as computed by hand", () => {
  const [plain] = report.tables.runs.rows;
  const cell = (key: string) => plain![report.tables.runs.columns.findIndex(column => column.key === key)];
  assert.deepEqual(
    ["validationLoss", "steps", "tokens", "flops", "tokensPerSecond"].map(cell),
    [3.25, 40, 40960, 40960e6, 2048],
  );
  assert.ok(page.includes('<td class="text">40.0*\n30.0\u00a0to\u00a050.0</td>'));
  assert.ok(page.includes("crammed BERT v1, A6000, 24 h"));
  assert.ok(page.includes("Share of measured peak (MFU)"));
  const utilisation = report.groups.find(({ id }) => id === "utilisation")!.variants[0]!.chart;
  assert.deepEqual([utilisation.series.length, utilisation.series[0]!.y[3]], [1, (2048 * 1e6) / 4e9]);
  assert.deepEqual(
    report.tables.differences.rows.map(([path]) => path),
    ["name", "plain.plain", "train.budget", "train.seed", `${hostile}.${hostile}`],
  );
});

test("scores are drawn with their spread, the published ones as ticks", () => {
  const { svg } = [...renderCharts(report)].find(({ id }) => id === "scores-glue")!;
  // The plot is 720 wide from 150 on: 30 % is at 366, 40 % at 438, 50 % at 510, BERT-base's 56.5 % at 556.8.
  assert.match(
    svg.text,
    /<line class="line run-0" x1="366\.0" y1="\d+" x2="510\.0" y2="\d+"\/><circle class="dots key-0" cx="438\.0"/,
  );
  assert.match(svg.text, /x1="556\.8"[^>]*><title>BERT-base: 56\.5<\/title>/);
});

test("files hold every step and every score", () => {
  const saved = join(folder, "saved");
  saveData(report, saved);
  const read = (name: string) => JSON.parse(readFileSync(join(saved, name), "utf8")) as Record<string, unknown>[];
  const steps = read("steps.json");
  assert.equal(steps.length, 70);
  assert.deepEqual([steps[19]!.run, steps[19]!.step, steps[19]!.loss], ["plain", 20, 50]);
  assert.equal(readFileSync(join(saved, "steps.csv"), "utf8").split("\r\n").length, 72);
  const score = read("scores.json").find(row => row.model === "plain");
  assert.deepEqual(
    [score?.score, score?.median, score?.minimum, score?.maximum, score?.seeds, score?.subset],
    ["cola", 40, 30, 50, 3, "plain"],
  );
  const names = readdirSync(saved);
  assert.ok(names.filter(name => name.endsWith(".csv")).every(name => names.includes(name.replace(".csv", ".json"))));
});

test("a run without a step gives a page, too", () => {
  writeFileSync(join(makeRun("empty", 1, "empty"), "events.jsonl"), "");
  const empty = makeReport([readRun(join(folder, "empty"), "empty", {})]);
  assert.match(renderPage(empty, "", []), /no points yet/);
});

test("a reason that took nothing has no row, and a text that was kept whole no chart", () => {
  const stages = report.tables.data.rows.map(([, stage]) => stage);
  assert.ok(stages.includes("dropped: plain") && !stages.includes("dropped: met by none"), stages.join());
  assert.match(page, /What was kept of the text/);
  const whole = { read: { documents: 1, characters: 9 }, kept: { documents: 1, characters: 9 } };
  const manifest = join(makeRun("whole", 1, "whole"), "data/documents/manifest.json");
  writeFileSync(manifest, JSON.stringify({ funnel: { ...whole, dropped: { short: nothing }, cut: nothing } }));
  const kept = makeReport([readRun(join(folder, "whole"), "whole", {})]);
  assert.deepEqual(
    kept.tables.data.rows.map(([, stage]) => stage),
    ["read", "kept"],
  );
  assert.doesNotMatch(renderPage(kept, "", []), /What was kept of the text/);
});

test("a hundred thousand steps are less than 2 MB, and the spike is drawn", () => {
  const long = makeReport([readRun(makeRun("long", 100_000, "long"), "long", { flopsPerToken: 1e6 })]);
  const text = renderPage(long, "", []);
  assert.ok(text.length < 2e6, `${text.length}`);
  // The highest point of the plot is the spike: the axis ends at 50.
  const chart = [...renderCharts(long)].find(({ id }) => id === "loss-by-time")!.svg.text;
  const top = Number(/data-plot="\d+ (\d+)/.exec(chart)![1]);
  const points = /class="each run-0" points="([^"]*)"/.exec(chart)![1]!.split(" ");
  assert.deepEqual(points.filter(point => Number(point.split(",")[1]) === top).length, 1);
  assert.ok(points.length > 1000 && points.length < 2000);
});
