import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../base/errors.ts";
import { checkOutput } from "../base/folder-kind.ts";
import { beginRun, checkRunTokenizer, hasBegun, readRunData, runFileNames } from "./run-folder.ts";

const root = mkdtempSync(join(tmpdir(), "cram-run-folder-"));
after(() => rmSync(root, { recursive: true }));

test("a run knows the tokenizer that it was begun with", () => {
  const [data, run] = [join(root, "data"), join(root, "run")];
  mkdirSync(data);
  writeFileSync(join(data, "tokenizer.json"), '{"version": "1.0"}');
  beginRun(run, quickstart, data);
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

test("a beginning that was cut short leaves a folder that the same command takes", () => {
  for (const name of ["device.json", "tokenizer.json", "recipe.json"]) {
    const [data, run] = [join(root, `data-${name}`), join(root, `cut-at-${name}`)];
    mkdirSync(data);
    writeFileSync(join(data, "tokenizer.json"), "{}");
    // A folder stands where the file should be: the writer gets no further.
    mkdirSync(join(run, name), { recursive: true });
    assert.throws(() => beginRun(run, quickstart, data, undefined, { backend: "reference" }));
    rmSync(join(run, name), { recursive: true });
    checkOutput(run, "a run", runFileNames);
    beginRun(run, quickstart, data, undefined, { backend: "reference" });
    assert.ok(hasBegun(run));
  }
});
