// The short form of `npm run torture`: every reader reads its good file and a damaged one, in this process, and a prepare is
// killed once. A failing case is repeated with the command that the message names.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildFailingDisk } from "./disk/failing-disk.ts";
import { killProcesses } from "./kill.ts";
import { readGood, runCase } from "./mutations/mutation.ts";
import { makeGoodFiles } from "./readers/good-files.ts";
import { readers } from "./readers/readers.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-short-torture-"));
const good = join(folder, "good");
before(() => makeGoodFiles(good));
after(() => rmSync(folder, { recursive: true, force: true }));

// The campaign draws others; here the same every time.
const seed = 0;
const casesOfReader = 1;
// Each Parquet file is read in a thread that has to be started: one of the encodings stands for all.
const short = readers.filter(({ name }) => !["task v2.parquet", "task delta.parquet"].includes(name));

test("every reader takes its good file, and ends a damaged one in a value or a UserError", async () => {
  const scratch = join(folder, "case");
  const faults: string[] = [];
  const note = (name: string, number: number, what: string) =>
    faults.push(
      `${name}: ${what}: npm run torture -- --only mutate --reader "${name}" --seed ${seed} --case ${number}`,
    );
  for (const reader of short) {
    let expected: string;
    try {
      expected = await readGood(reader, good, scratch);
    } catch (error) {
      note(reader.name, 0, `the good file is refused: ${(error as Error).message}`);
      continue;
    }
    for (let number = 0; number < casesOfReader; number++) {
      const { outcome, detail } = await runCase(reader, { good, scratch, seed }, number, expected);
      if (outcome === "fault") note(reader.name, number, detail);
    }
  }
  assert.deepEqual(faults, []);
});

const noShim = process.platform === "linux" ? false : "needs Linux";

test("a disk that fails from any change on is named, and costs nothing that stood there", {
  skip: noShim,
}, async () => {
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "disk/failing-disk-child.js")],
    {
      env: { ...process.env, LD_PRELOAD: await buildFailingDisk(), CRAM_DISK_FOLDER: disk },
      encoding: "utf8",
    },
  );
  assert.equal(status, 0, stderr);
  // Of a full disk and a read-only one, at every change.
  assert.ok(Number.parseInt(stdout, 10) > 40, stdout);
});

test("a prepare over a data set, killed at a random moment, leaves one of the two, and ends as if never killed", async () => {
  const only = { scenario: "prepare over a data set" };
  for await (const { faults } of killProcesses({ seed, count: 1, folder, good, only, onProgress: () => {} })) {
    assert.deepEqual(faults, []);
  }
});
