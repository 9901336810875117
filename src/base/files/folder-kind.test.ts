import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../errors.ts";
import {
  checkExportOutput,
  checkOutput,
  checkPageOutput,
  type FolderKind,
  recogniseFolder,
  refuseKnownFolder,
} from "./folder-kind.ts";

const root = mkdtempSync(join(tmpdir(), "cramming-kinds-"));
after(() => rmSync(root, { recursive: true }));

const kinds: readonly [string, FolderKind | undefined, Readonly<Record<string, string>>][] = [
  ["run", "a run", { "recipe.json": "{}", "tokenizer.json": "{}" }],
  ["run-begun", "a run", { "data.json": '{\n  "data": "/data/mine"\n}\n', "tokenizer.json": "{}" }],
  ["run-robbed", "a run", { "checkpoints/step-00000001/checkpoint.json": "{}", "events.jsonl": "" }],
  ["checkpoints", "a checkpoint", { "step-00000001/checkpoint.json": "{}" }],
  ["dataset", "a dataset", { "manifest.json": '{"format": "cramming-dataset"}', "tokenizer.json": "{}" }],
  ["dataset-cut", "a dataset", { "manifest.json": "{", "training-00000.bin": "CRAMSHRD" }],
  ["documents", "documents", { "manifest.json": '{"format": "cramming-documents"}' }],
  ["evaluation", "an evaluation", { "own/reviews/seed-0/predictions.jsonl": "" }],
  ["evaluation-pairs", "an evaluation", { "blimp/scoreboard.json": "{}" }],
  ["model", "a model", { "config.json": "{}", "model.safetensors": "" }],
  ["empty", undefined, {}],
  ["only-log", undefined, { "log.txt": "started" }],
  ["foreign", undefined, { "manifest.json": '{"name": "web app"}', "own/x": "", "onnx/x": "", "checkpoints.txt": "" }],
];
for (const [name, , files] of kinds) {
  mkdirSync(join(root, name));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name, path)), { recursive: true });
    writeFileSync(join(root, name, path), content);
  }
}
const refused = (error: unknown) => error instanceof UserError && error.code === "E_OUTPUT_OTHER";

test("a folder's kind is told by its files, and each verb writes into its own kind alone", () => {
  for (const [name, kind] of kinds) {
    const folder = join(root, name);
    assert.equal(recogniseFolder(folder), kind, name);
    const wanted: readonly [FolderKind, readonly string[]][] = [
      ["a run", ["manifest.json"]],
      ["a dataset", ["manifest.json"]],
      ["an evaluation", ["own"]],
      ["a model", ["onnx"]],
    ];
    for (const [output, names] of wanted) {
      const check = () => checkOutput(folder, output, names);
      if (kind === output || name === "empty" || name === "only-log") check();
      else assert.throws(check, refused, `${output} into ${name}`);
    }
    if (kind !== undefined) assert.throws(() => refuseKnownFolder(folder), refused);
    else refuseKnownFolder(folder);
  }
  checkOutput(join(root, "absent"), "a run", ["x"]);
});

test("an export replaces an earlier one, and no model from elsewhere", () => {
  const folder = join(root, "model");
  const check = () => checkExportOutput(folder, ["config.json", "model.safetensors"]);
  assert.throws(check, refused);
  writeFileSync(join(folder, "README.md"), "---\ntags:\n- cramming\n---\n");
  writeFileSync(join(folder, "LICENSE"), "a person's");
  check();
  writeFileSync(join(folder, "README.md"), "# BERT base model (uncased)");
  assert.throws(check, refused);
});

test("a page replaces a page alone, and is not mistaken for a part of a run", () => {
  checkPageOutput(join(root, "report.html"));
  checkPageOutput(join(root, "empty", "any name"));
  checkPageOutput(join(root, "run", "report.html"));
  writeFileSync(join(root, "run", "old.html"), "<!doctype html>\n<title>");
  checkPageOutput(join(root, "run", "old.html"));
  for (const path of ["run/recipe.json", "run/fills.jsonl", "only-log/log.txt"])
    assert.throws(() => checkPageOutput(join(root, path)), refused, path);
});
