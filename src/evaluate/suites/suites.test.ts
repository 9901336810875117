import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { publishedRows } from "./published-rows.ts";
import { averageScores, findSuite, listCountedScores, selectTasks, suites } from "./suites.ts";

test("the average is the published one: nine scores, MNLI twice", () => {
  const glue = findSuite("glue");
  for (const { name, scores, average } of publishedRows) {
    const { value, count, missing } = averageScores(glue, new Map(Object.entries(scores)));
    assert.deepEqual([count, missing], [9, []], name);
    // Printed with one digit. Paper and model card agree with the mean of nine, and not with that of eight.
    assert.ok(Math.abs(value! - average) <= 0.0501, `${name}: ${value}, printed ${average}`);
  }
});

test("an average of fewer scores says which are missing, and WNLI does not count", () => {
  const glue = findSuite("GLUE");
  const scores = new Map([
    ["cola", 0.4],
    ["mnli/matched", 0.8],
    ["wnli", 0.1],
  ]);
  const { value, count, missing } = averageScores(glue, scores);
  assert.ok(Math.abs(value! - 0.6) < 1e-15);
  assert.equal(count, 2);
  assert.deepEqual(missing, ["sst2", "mrpc", "stsb", "qqp", "mnli/mismatched", "qnli", "rte"]);
  assert.deepEqual(averageScores(glue, new Map([["wnli", 1]])).value, undefined);
});

test("what counts for each task is what the paper counts", () => {
  const counted = suites.flatMap(({ name, tasks }) => tasks.map(task => `${name} ${task.name} ${task.metrics[0]}`));
  assert.deepEqual(counted, [
    "glue cola matthews",
    "glue sst2 accuracy",
    "glue mrpc f1",
    "glue stsb pearson",
    "glue qqp f1",
    "glue mnli accuracy",
    "glue qnli accuracy",
    "glue rte accuracy",
    "glue wnli accuracy",
    "superglue boolq accuracy",
    "superglue cb macro-f1",
    "superglue copa accuracy",
    "superglue multirc f1",
    "superglue rte accuracy",
    "superglue wic accuracy",
    "superglue wsc accuracy",
    "superglue axb matthews",
    "superglue axg accuracy",
    "race race accuracy",
    "swag swag accuracy",
  ]);
  assert.deepEqual(listCountedScores(findSuite("superglue")), ["boolq", "cb", "copa", "multirc", "rte", "wic", "wsc"]);
});

test("suites and tasks are found by name, and a misspelt one is explained", () => {
  const titles = selectTasks(findSuite("glue"), ["SST-2", "stsb"]).map(({ title }) => title);
  assert.deepEqual(titles, ["SST-2", "STS-B"]);
  assert.throws(
    () => findSuite("glu"),
    (error: unknown) => error instanceof UserError && error.code === "E_SUITE_NAME" && error.advice.includes("glue?"),
  );
  assert.throws(
    () => selectTasks(findSuite("glue"), ["boolq"]),
    (error: unknown) => error instanceof UserError && error.code === "E_TASK_NAME" && error.message.includes("cola"),
  );
});
