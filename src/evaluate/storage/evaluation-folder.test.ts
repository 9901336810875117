import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../base/errors.ts";
import { nameOwnTask } from "../tasks/own-task.ts";
import type { Task } from "../tasks/task.ts";
import { folderOf, readResult, refuseTaken, saveResult } from "./evaluation-folder.ts";
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

const makeResult = (data: string): TaskResult => ({
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
  hashes: { model: "", data, recipe: "" },
  training: { examples: 1, truncated: 0, steps: 1, seconds: 1, stepSeconds: 1 },
  source: "/a/reviews.csv",
});

test("a result is replaced as one: what fails or is cut leaves the old one or the new one", async () => {
  const place = { root, suite: "mine", task: "words", variant: { control: "none", seed: 0 } } as const;
  const folder = folderOf(place);
  const task: Task = {
    name: "words",
    title: "WORDS",
    kind: "regression",
    texts: ["a"],
    label: "b",
    labels: [],
    metrics: ["pearson"],
  };
  const store = (data: string, keep?: (at: string) => Promise<void>) =>
    saveResult(place, task, makeResult(data), { validation: [], test: [] }, keep);
  const model = join(folder, "model/parameters.safetensors");
  const keep = (values: string) => async (at: string) => {
    mkdirSync(join(at, "model"));
    writeFileSync(join(at, "model/parameters.safetensors"), values);
  };
  await store("old", keep("old"));
  await assert.rejects(
    store("new", at => {
      keep("new")(at);
      throw new Error("killed");
    }),
    /killed/,
  );
  assert.deepEqual([readResult(folder)?.hashes.data, readFileSync(model, "utf8")], ["old", "old"]);
  // Killed after the result was final, before or after its model was moved.
  for (const moved of [false, true]) {
    const final = join(folder, ".cram-final");
    mkdirSync(join(final, "files/model"), { recursive: true });
    writeFileSync(join(final, "moves.json"), JSON.stringify({ removes: ["confusion.txt"], last: "result.json" }));
    writeFileSync(join(final, "files/result.json"), JSON.stringify(makeResult("new")));
    rmSync(join(folder, "result.json"));
    writeFileSync(moved ? model : join(final, "files/model/parameters.safetensors"), "new");
    assert.deepEqual([readResult(folder)?.hashes.data, readFileSync(model, "utf8")], ["new", "new"]);
    await store("old", keep("old"));
  }
  await store("last");
  assert.deepEqual(readdirSync(folder).sort(), ["predictions.jsonl", "result.json", "worst.jsonl"]);
});

test("results of another file of the same name are not replaced", () => {
  const result = makeResult("first");
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
