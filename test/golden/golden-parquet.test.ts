// Parquet against what pyarrow, which wrote the files, reads back (scripts/make-parquet.py); and files cut short.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { glue } from "../../src/evaluate/suites/glue.ts";
import { readTask } from "../../src/evaluate/tasks/read-task.ts";
import type { Row } from "../../src/tables/row.ts";
import { readTable, type TableOptions } from "../../src/tables/table.ts";

type Golden = Readonly<Record<string, { readonly base64: string; readonly rows: readonly unknown[] }>>;
const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/parquet.json", import.meta.url), "utf8"),
) as Golden;
const folder = mkdtempSync(join(tmpdir(), "cramming-parquet-"));
after(() => rmSync(folder, { recursive: true }));

const bytesOf = (name: string): Buffer => Buffer.from(golden[name]!.base64, "base64");

async function read(name: string, bytes: Uint8Array, options: TableOptions = {}): Promise<Row[]> {
  const path = join(folder, `${name}.parquet`);
  writeFileSync(path, bytes);
  return (await readTable(path, options)).rows;
}

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

for (const name of ["cola", "nested-zstd", "nested-gzip"]) {
  test(`${name}: rows as pyarrow reads them, each with its number`, async () => {
    const rows = await read(name, bytesOf(name));
    assert.deepEqual(
      rows.map(({ values }) => values),
      golden[name]!.rows,
    );
    assert.deepEqual(
      rows.map(({ origin }) => origin),
      rows.map((_, i) => `${join(folder, name)}.parquet:${i + 1}`),
    );
  });
}

test("rows are read from any of them on, in the middle of a group of two too", async () => {
  for (const from of [0, 1, 2, 3, 4]) {
    const rows = await read("from", bytesOf("cola"), { from, columns: ["idx"] });
    assert.deepEqual(
      rows.map(({ values, line }) => [values, line]),
      [0, 1, 2, 3].slice(from).map(idx => [{ idx }, idx + 1]),
    );
  }
});

test("a parquet cut anywhere, damaged or without rows is named", async () => {
  const bytes = bytesOf("cola");
  for (const length of [1, 7, 100, bytes.length - 1]) {
    await assert.rejects(read("cut", bytes.subarray(0, length)), fails("E_PARQUET", join(folder, "cut.parquet")));
  }
  await assert.rejects(read("empty", new Uint8Array(0)), fails("E_TABLE_EMPTY", "empty.parquet"));
  await assert.rejects(read("none", bytesOf("no-rows")), fails("E_TABLE_EMPTY", "none.parquet"));
  const damaged = Buffer.from(bytes).fill(0xff, 4, bytes.length / 3);
  await assert.rejects(read("damaged", damaged), fails("E_PARQUET", "damaged.parquet", "after row 0"));
});

test("a task as the Hub has it: shards are one split, and every one must be there", async () => {
  const write = (name: string): void => writeFileSync(join(folder, name), bytesOf("cola"));
  const task = glue.tasks.find(({ name }) => name === "cola")!;
  const hub = join(folder, "cola");
  mkdirSync(hub);
  const name = (split: string, shard: string): string => join("cola", `${split}-${shard}.parquet`);
  write(name("train", "00000-of-00002"));
  write(name("validation", "00000-of-00001"));
  await assert.rejects(readTask(task, hub), fails("E_TASK_FILES", "1 of the 2 files"));
  write(name("train", "00001-of-00002"));
  const data = await readTask(task, hub);
  assert.equal(data.train.length, 8);
  assert.deepEqual(
    data.validation.map(({ name, examples }) => [
      name,
      examples.map(({ texts, targets, id }) => [id, ...texts, ...targets]),
    ]),
    [
      [
        "validation",
        [
          ["0", "The cat sat.", 1],
          ["1", "Cat the sat.", 0],
          ["2", 'He said "no".', 1],
          ["3", "Cafés\tclosed.", 1],
        ],
      ],
    ],
  );
});
