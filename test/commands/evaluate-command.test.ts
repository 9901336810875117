// cram evaluate as a person uses it: a file of one's own, a suite's folder with a submission, Ctrl-C and the same command again,
// and what it says when something is wrong. The model is a run with new parameters, written by hand.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { writeTinyRun } from "../tiny-run.ts";
import { startWarmProgram } from "../warm-program.ts";

const main = join(import.meta.dirname, "../../src/cli/main.js");
const pressing = join(import.meta.dirname, "../press-ctrl-c.js");
const folder = mkdtempSync(join(tmpdir(), "cram-evaluate-"));
const program = startWarmProgram(folder);
after(() => {
  program.close();
  rmSync(folder, { recursive: true });
});

const words = ["good", "bad", "film", "plot", "actor", "was", "the"];

before(async () => {
  await writeTinyRun(join(folder, "run"), words);
  const rows = Array.from(
    { length: 200 },
    (_, i) => `"the ${words[2 + (i % 3)]} was ${words[i % 2]}",${i % 2 ? "no" : "yes"}`,
  );
  writeFileSync(join(folder, "reviews.csv"), `review,liked\n${rows.join("\n")}\n`);
  writeFileSync(join(folder, "empty.csv"), "");
  writeFileSync(join(folder, "unseen.csv"), "review,liked\nthe film was good,yes\nthe film was bad,maybe\n");
  writeFileSync(join(folder, "long.csv"), `review,liked\n${"good ".repeat(15)},yes\n`);
  writeFileSync(join(folder, "cut.parquet"), "PAR1\0\0\0\0\0\0\0\0");
  mkdirSync(join(folder, "glue/RTE"), { recursive: true });
  const pair = (i: number) => `${i}\tthe plot was ${words[i % 2]}\tthe film was good`;
  const table = (count: number, label: boolean) =>
    [
      `index\tsentence1\tsentence2${label ? "\tlabel" : ""}`,
      ...Array.from(
        { length: count },
        (_, i) => `${pair(i)}${label ? `\t${i % 2 ? "not_entailment" : "entailment"}` : ""}`,
      ),
    ].join("\n");
  writeFileSync(join(folder, "glue/RTE/train.tsv"), `${table(40, true)}\n`);
  writeFileSync(join(folder, "glue/RTE/dev.tsv"), `${table(12, true)}\n`);
  writeFileSync(join(folder, "glue/RTE/test.tsv"), `${table(5, false)}\n`);
});

const small = ["--threads", "1", "--set", "maxLength=16", "--set", "headWidth=16", "--set", "precision=f32"];
const own = ["--task", "reviews.csv", "--text", "review", "--label", "liked", ...small];

const cram = (...given: string[]) => program.run("evaluate", ...given);

test("a file of one's own: a line a seed, a table, and the results in the run's folder", async () => {
  const { status, stdout, stderr } = await cram(
    "run",
    ...own,
    "--seeds",
    "2",
    "--controls",
    "--set",
    "learningRate=1e-2",
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /reviews seed 0: accuracy 100\.0/);
  assert.match(stdout, /reviews majority: accuracy /);
  assert.match(stdout, /reviews untrained seed 1: /);
  assert.match(stdout, /metric +median +seeds[\s\S]*\nreviews +accuracy +100\.0 +2 /);
  assert.ok(existsSync(join(folder, "run/evaluations/own/reviews/seed-1/result.json")));
  assert.ok(existsSync(join(folder, "run/evaluations/own/scoreboard.json")));
});

test("a suite's folder: scores beside the published rows, and the files for the server", async () => {
  const given = ["run", "--glue-dir", "glue", "--tasks", "rte", "--seeds", "1", "--submission", "out", ...small];
  const { status, stdout, stderr } = await cram(...given, "--set", "epochs=2");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /RTE +average\nrun +/);
  assert.match(stdout, /BERT-base +59\.2 +80\.9/);
  const lines = readFileSync(join(folder, "out/RTE.tsv"), "utf8").trimEnd().split("\n");
  assert.deepEqual([lines.length, lines[0]], [6, "index\tprediction"]);
  assert.ok(lines.slice(1).every((line, i) => line.startsWith(`${i}\t`) && line.endsWith("entailment")));
});

test("Ctrl-C stops after the step with 130; the same command runs only what is not finished", async () => {
  const given = ["run", ...own, "--seeds", "2", "--set", "epochs=200", "--out", "stopped"];
  const { status: code, stdout: seen } = spawnSync(
    process.execPath,
    ["--import", pathToFileURL(pressing).href, main, "evaluate", ...given],
    { cwd: folder, encoding: "utf8", env: { ...process.env, CTRL_C_AT: "seed 0:" } },
  );
  assert.equal(code, 130);
  assert.match(seen, /interrupted; the same command goes on/);
  assert.ok(!existsSync(join(folder, "stopped/own/reviews/seed-1/result.json")));

  const { status, stdout, stderr } = await cram(...given);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /2 results, 1 finished before/);
  assert.match(stdout, /reviews seed 0: .*stored before/);
  assert.match(stdout, /reviews seed 1: /);
});

test("minimal pairs: a line a paradigm, their mean, and not scored twice", async () => {
  mkdirSync(join(folder, "blimp"));
  const pair = JSON.stringify({ sentence_good: "the film was good", sentence_bad: "the film good was" });
  writeFileSync(join(folder, "blimp/order.jsonl"), `${pair}\n`);
  const given = ["run", "--suite", "blimp", "--suite-dir", "blimp", "--threads", "1"];
  const { status, stdout, stderr } = await cram(...given);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^order: accuracy (100\.0|0\.0)$/m);
  assert.match(stdout, /mean of 1 paradigm: /);
  assert.match((await cram(...given)).stdout, /order: accuracy .*stored before/);
  assert.match((await cram(...given, "--seeds", "2")).stderr, /E_OPTION.*--seeds changes nothing/);
});

const mistakes: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["nothing to evaluate on", ["run"], /E_OPTION.*nothing to evaluate on/],
  ["a file that is not there, without columns", ["run", "--task", "none.csv"], /E_FILE_MISSING.*none\.csv/],
  [
    "a validation file that is not there, without columns",
    ["run", "--task", "reviews.csv", "--validation", "none.csv"],
    /E_FILE_MISSING.*none\.csv/,
  ],
  [
    "a column that is not there",
    ["run", "--task", "reviews.csv", "--text", "reviw", "--label", "liked"],
    /E_TASK_COLUMN reviews\.csv:2: no column "reviw"; there are review, liked/,
  ],
  [
    "a label never seen in training",
    ["run", ...own, "--validation", "unseen.csv"],
    /E_TASK_LABEL unseen\.csv:3: the label "maybe" was never seen in training \(no, yes\)/,
  ],
  [
    "an empty file",
    ["run", "--task", "empty.csv", "--text", "review", "--label", "liked"],
    /E_TABLE_EMPTY empty\.csv: /,
  ],
  [
    "a parquet cut short",
    ["run", "--task", "cut.parquet", "--text", "review", "--label", "liked"],
    /E_PARQUET cut\.parquet: .*\n.*fetch it again/,
  ],
  [
    "a sequence longer than the model's",
    ["run", ...own, "--validation", "long.csv", "--set", "longTexts=refuse"],
    /E_TEXT_LENGTH long\.csv:2: 17 tokens .* at most 16/,
  ],
  [
    "flags that do not go together",
    ["run", "--glue-dir", "glue", "--text", "review"],
    /E_OPTION.*--text goes with --task/,
  ],
  ["a misspelt recipe value", ["run", ...own, "--set", "epoch=1"], /E_RECIPE_KEY.*\n.*epochs/],
  [
    "a model that reads less",
    ["run", "--task", "reviews.csv", "--text", "review", "--label", "liked"],
    /E_FINETUNE_LENGTH.*128.*16/,
  ],
  ["a task of another suite", ["run", "--glue-dir", "glue", "--tasks", "boolq"], /E_TASK_NAME/],
  ["a folder that is no model", ["glue", ...own], /E_FILE_MISSING|E_FOREIGN_CONFIG/],
];

test("what is wrong is said with its code, its place and what to do, and ends with 1", async t => {
  for (const [name, given, pattern] of mistakes) {
    await t.test(name, async () => {
      const { status, stderr } = await cram(...given);
      assert.equal(status, 1, stderr);
      assert.match(stderr, pattern);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }
});
