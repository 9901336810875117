import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../base/errors.ts";
import { beginRun, checkRunTokenizer, readRunData } from "./run-folder.ts";

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
