// A corpus for other trainers: the files are those that NumPy and pyarrow read (scripts/make-corpus-export.py), to the byte.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hashFile } from "../../src/base/files/files.ts";
import { Dataset } from "../../src/dataset/dataset.ts";
import { exportFixture, fixtureTexts } from "./corpus-export-fixture.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/corpus-export.json", import.meta.url), "utf8"),
) as { files: Record<string, { sha256: string; rows: number }>; sequences: number[][]; texts: string[] };
const folder = mkdtempSync(join(tmpdir(), "cram-corpus-export-"));
after(() => rmSync(folder, { recursive: true }));
await exportFixture(folder);

test("every file is the one that NumPy or pyarrow read", () => {
  for (const [name, { sha256 }] of Object.entries(golden.files))
    assert.equal(hashFile(join(folder, name)), sha256, name);
});

test("what they read is what was written", () => {
  assert.deepEqual(golden.texts, fixtureTexts);
  const dataset = new Dataset(join(folder, "data"));
  const sequences: number[][] = [];
  dataset.visit("validation", tokens => sequences.push([...tokens]));
  dataset.close();
  assert.deepEqual(golden.sequences, sequences);
  const rows = (name: string) => golden.files[name]!.rows;
  assert.equal(rows("npy/training.npy"), dataset.manifest.training.sequences);
});
