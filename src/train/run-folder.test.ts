import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../base/errors.ts";
import { checkOutput } from "../base/files/folder-kind.ts";
import { beginRun, checkResumedRun, checkRunTokenizer, hasBegun, readRunData, runFileNames } from "./run-folder.ts";

const root = mkdtempSync(join(tmpdir(), "cram-run-folder-"));
after(() => rmSync(root, { recursive: true }));

test("a run knows the tokenizer that it was begun with", () => {
  const [data, run] = [join(root, "data"), join(root, "run")];
  mkdirSync(data);
  writeFileSync(join(data, "tokenizer.json"), '{"version": "1.0"}');
  beginRun(run, { recipe: quickstart, data, datasetHash: "cafe" });
  checkRunTokenizer(run);
  assert.equal(readRunData(run), data);
  writeFileSync(join(run, "tokenizer.json"), '{"version": "1.1"}');
  assert.throws(
    () => checkRunTokenizer(run),
    (error: unknown) => error instanceof UserError && error.code === "E_TOKENIZER_OTHER",
  );
  // As earlier versions wrote it.
  writeFileSync(join(run, "data.json"), JSON.stringify({ data }));
  checkRunTokenizer(run);
  assert.equal(readRunData(run), data);
});

test("a run without a checkpoint goes on with what it was begun with, and with nothing else", () => {
  const [data, run] = [join(root, "data-of-resumed"), join(root, "resumed")];
  mkdirSync(data);
  writeFileSync(join(data, "tokenizer.json"), "{}");
  beginRun(run, { recipe: quickstart, data, datasetHash: "cafe" });
  checkResumedRun(run, quickstart, "cafe");
  assert.throws(() => checkResumedRun(run, quickstart, "beef"), { code: "E_RESUME_DATA" });
  const other = { ...quickstart, model: { ...quickstart.model, heads: 1 } };
  assert.throws(() => checkResumedRun(run, other, "cafe"), { code: "E_RESUME_RECIPE" });
  writeFileSync(join(run, "tokenizer.json"), "[]");
  assert.throws(() => checkResumedRun(run, quickstart, "cafe"), { code: "E_TOKENIZER_OTHER" });
  // As earlier versions wrote it: what is not known is not refused.
  writeFileSync(join(run, "data.json"), JSON.stringify({ data }));
  checkResumedRun(run, other, "beef");
});

test("a beginning that was cut short leaves a folder that the same command takes", () => {
  for (const name of ["device.json", "tokenizer.json", "recipe.json"]) {
    const [data, run] = [join(root, `data-${name}`), join(root, `cut-at-${name}`)];
    mkdirSync(data);
    writeFileSync(join(data, "tokenizer.json"), "{}");
    // A folder stands where the file should be: the writer gets no further.
    mkdirSync(join(run, name), { recursive: true });
    assert.throws(() =>
      beginRun(run, { recipe: quickstart, data, datasetHash: "cafe", device: { backend: "reference" } }),
    );
    rmSync(join(run, name), { recursive: true });
    checkOutput(run, "a run", runFileNames);
    beginRun(run, { recipe: quickstart, data, datasetHash: "cafe", device: { backend: "reference" } });
    assert.ok(hasBegun(run));
  }
});
