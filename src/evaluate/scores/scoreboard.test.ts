import assert from "node:assert/strict";
import { test } from "node:test";
import { formatComparison, formatNotes, formatScores } from "../../cli/terminal/print-scores.ts";
import type { TaskResult } from "../storage/result.ts";
import { glue } from "../suites/glue.ts";
import { makeScoreboard } from "./scoreboard.ts";

const result = (task: string, seed: number, scores: Readonly<Record<string, number>>, changes = {}): TaskResult => ({
  version: 1,
  suite: "glue",
  task,
  title: task === "mnli" ? "MNLI" : "CoLA",
  kind: "classification",
  labels: ["no", "yes"],
  metrics: ["accuracy"],
  control: "none",
  seed,
  model: "mine",
  device: "",
  hashes: { model: "", data: "", recipe: "" },
  recipe: {},
  subsets: [],
  training: { examples: 1, truncated: 0, steps: 1, seconds: 1, stepSeconds: 1 },
  epochs: [],
  splits: Object.entries(scores).map(([name, accuracy]) => ({
    ...{ name, examples: 10, confusion: [] },
    scores: { accuracy },
    interval: { low: accuracy - 0.1, high: accuracy + 0.1 },
  })),
  test: [],
  ...changes,
});

test("the median over seeds with its extremes, in percent; the average says what it lacks; a subset is marked", () => {
  const subsets = ["MNLI/train-subset.jsonl"];
  const results = [
    result("mnli", 0, { matched: 0.5, mismatched: 0.25 }, { subsets }),
    result("cola", 2, { validation: 0.75 }),
    result("cola", 0, { validation: 0.5 }),
    result("cola", 1, { validation: 0.625 }),
    result("cola", 0, { validation: 0.125 }, { control: "untrained" }),
  ];
  const { columns, rows, subsets: marked } = makeScoreboard(results, glue);
  assert.deepEqual(
    columns.map(({ title }) => title),
    ["CoLA", "MNLI-m", "MNLI-mm"],
  );
  const [mine, untrained, ...published] = rows;
  const { median, minimum, maximum, seeds, overExamples } = mine!.cells.cola!;
  assert.deepEqual({ median, minimum, maximum, seeds }, { median: 62.5, minimum: 50, maximum: 75, seeds: 3 });
  assert.ok(Math.abs(overExamples.low - 52.5) < 1e-9 && Math.abs(overExamples.high - 72.5) < 1e-9);
  assert.ok(Math.abs(mine!.average!.value! - (62.5 + 50 + 25) / 3) < 1e-9);
  assert.deepEqual([mine!.average!.count, mine!.average!.missing.length], [3, 6]);
  assert.deepEqual([untrained!.name, untrained!.cells.cola!.median], ["mine, untrained", 12.5]);
  assert.deepEqual({ ...marked }, { "mnli/matched": subsets, "mnli/mismatched": subsets });
  assert.ok(published.length > 0 && published.every(row => row.kind === "published"));
});

test("a score that is no number stays none, null in JSON, and is missing from the average", () => {
  // It counted as 0 once: a score that nobody measured, and it pulled the average down.
  for (const others of [[], [0.5, 0.75]]) {
    const results = [
      ...[...others, Number.NaN].map((score, seed) => result("cola", seed, { validation: score })),
      result("mnli", 0, { matched: 0.5, mismatched: 0.25 }),
    ];
    const scoreboard = makeScoreboard(results, glue);
    const [{ cells, average }] = scoreboard.rows as [(typeof scoreboard.rows)[0]];
    assert.deepEqual(JSON.parse(JSON.stringify(cells.cola)), {
      ...{ median: null, minimum: null, maximum: null, seeds: others.length + 1 },
      overSeeds: { low: null, high: null },
      overExamples: { low: null, high: null },
    });
    assert.deepEqual([average!.value, average!.count], [37.5, 2]);
    assert.ok(average!.missing.includes("cola"));
    for (const printed of [formatScores(scoreboard), formatComparison(scoreboard)]) {
      assert.match(printed, /\bnone\b/);
      assert.doesNotMatch(printed, /NaN|(mine|CoLA) .*\b0\.0\b/);
    }
    const notes = formatNotes(scoreboard).join("\n");
    assert.match(notes, /missing cola, .*\n.*not defined/);
  }
});

test("tasks of no suite have no average and no published rows", () => {
  const { rows } = makeScoreboard([result("mine", 0, { validation: 0.5 })], undefined);
  assert.equal(rows.length, 1);
  assert.equal(rows[0]!.average, undefined);
});
