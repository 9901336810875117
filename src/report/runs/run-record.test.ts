import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startFunnel } from "../../corpus/funnel.ts";
import { writeManifest } from "../../dataset/manifest.ts";
import { nameRuns, readRun } from "./run-record.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-record-"));
after(() => rmSync(folder, { recursive: true }));

function makeRun(name: string, files: Readonly<Record<string, unknown>> = {}): string {
  const run = join(folder, name);
  mkdirSync(run, { recursive: true });
  const all = {
    "recipe.json": { name: "r", model: { width: 8 } },
    "data.json": { data: join(folder, "data") },
    "events.jsonl": "",
    ...files,
  };
  for (const [file, content] of Object.entries(all)) {
    writeFileSync(join(run, file), typeof content === "string" ? content : JSON.stringify(content));
  }
  return run;
}
const meet = (run: string, trouble: RegExp) => {
  const { troubles, recipe } = readRun(run, "x", {});
  assert.equal(troubles.length, 1);
  assert.match(troubles[0]!, trouble);
  assert.equal(recipe.get("name"), "r");
};

test("a run that has only begun, its dataset gone", () => {
  const { recipe, curves, data, fills, evaluations } = readRun(makeRun("begun"), "begun", {});
  assert.deepEqual(
    [...recipe],
    [
      ["name", "r"],
      ["model.width", 8],
    ],
  );
  assert.deepEqual([curves.steps.step.length, fills, evaluations], [0, [], { finished: [], unfinished: [] }]);
  assert.deepEqual(data, { folder: join(folder, "data"), dataset: undefined, funnel: undefined });
});

test("the manifests that prepare writes are understood", () => {
  const data = join(folder, "whole");
  const part = { sequences: 3, files: [] };
  const hashes = { tokenizerHash: "t", documentsHash: "d", originHash: "o" };
  writeManifest(data, { ...hashes, vocabulary: 10, sequenceLength: 4, training: part, validation: part });
  const funnel = startFunnel();
  Object.assign(funnel.read, { documents: 9, characters: 90 });
  Object.assign(funnel.dropped.empty, { documents: 2, characters: 0 });
  mkdirSync(join(data, "documents"));
  writeFileSync(join(data, "documents/manifest.json"), JSON.stringify({ funnel }));
  const record = readRun(makeRun("prepared", { "data.json": { data } }), "x", {}).data;
  assert.equal(record.dataset?.training.sequences, 3);
  assert.deepEqual(record.funnel?.read, { documents: 9, characters: 90 });
  assert.equal(record.funnel?.dropped.empty?.documents, 2);
});

test("what is there and cannot be read is left out, and its file and place are named", () => {
  assert.throws(() => readRun(join(folder, "nowhere"), "x", {}), {
    code: "E_FILE_MISSING",
    message: /no run here/,
  });
  assert.throws(() => readRun(makeRun("bad-events", { "events.jsonl": "x\n" }), "x", {}), { code: "E_EVENTS" });
  meet(makeRun("fills", { "fills.jsonl": '{"text":"a","masks":[]}\n{"text":' }), /fills\.jsonl:2: not JSON/);
  meet(
    makeRun("fills-field", { "fills.jsonl": '{"text":"a","masks":[{"candidates":[{"token":1}]}]}' }),
    /fills\.jsonl:1: masks\.0\.candidates\.0\.token/,
  );
  const run = makeRun("scores");
  mkdirSync(join(run, "evaluations/glue"), { recursive: true });
  writeFileSync(join(run, "evaluations/glue/scoreboard.json"), '{"title":"GLUE","columns":[],"rows":7}');
  meet(run, /scoreboard\.json: rows/);
});

test("names are as short as tells runs apart, and no run counts twice", () => {
  assert.deepEqual(nameRuns(["runs/a", "runs/b/"]), ["a", "b"]);
  assert.deepEqual(nameRuns(["x/run", "y/run", "z"]), ["x/run", "y/run", "z"]);
  assert.throws(() => nameRuns(["runs/a", "./runs/../runs/a"]), /the same run twice/);
});
