import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import { refuseTaken } from "./evaluation-folder.ts";
import { nameOwnTask } from "./own-task.ts";
import type { TaskResult } from "./result.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-results-"));
after(() => rmSync(root, { recursive: true }));

test("files of different names are different tasks", () => {
  const names = [
    "reviews.2023.csv",
    "b/reviews.2024.csv.gz",
    "reviews.jsonl",
    "eng.train",
    "été.CSV",
    "constructor.csv",
    "a.conll.zst",
  ];
  assert.deepEqual(names.map(nameOwnTask), [
    "reviews-2023",
    "reviews-2024",
    "reviews",
    "eng-train",
    "été",
    "constructor",
    "a",
  ]);
  assert.equal(nameOwnTask("e\u0301.csv"), nameOwnTask("\u00e9.csv"));
});

test("results of another file of the same name are not replaced", () => {
  const result: TaskResult = {
    ...{
      version: 1,
      suite: "own",
      task: "reviews",
      title: "reviews",
      kind: "regression",
      labels: [],
      metrics: ["pearson"],
    },
    ...{ control: "none", seed: 0, model: "m", device: "", recipe: {}, subsets: [], epochs: [], splits: [], test: [] },
    hashes: { model: "", data: "first", recipe: "" },
    training: { examples: 1, truncated: 0, steps: 1, seconds: 1, stepSeconds: 1 },
    source: "/a/reviews.csv",
  };
  const place = { root, suite: "own", task: "reviews" };
  refuseTaken(place, "/b/reviews.csv", "second");
  mkdirSync(join(root, "own/reviews/seed-0"), { recursive: true });
  writeFileSync(join(root, "own/reviews/seed-0/result.json"), JSON.stringify(result));
  refuseTaken(place, "/a/reviews.csv", "changed since");
  refuseTaken(place, "/moved/reviews.csv", "first");
  assert.throws(
    () => refuseTaken(place, "/b/reviews.csv", "second"),
    (error: unknown) =>
      error instanceof UserError && error.code === "E_TASK_TAKEN" && error.message.includes("/a/reviews.csv"),
  );
});
