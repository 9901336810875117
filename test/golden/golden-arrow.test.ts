// Arrow files against what pyarrow, which wrote them, has in them (scripts/make-arrow.py); and files cut short or changed.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { startFunnel } from "../../src/corpus/funnel.ts";
import { readShard } from "../../src/corpus/sources/read-shard.ts";
import { listShards } from "../../src/corpus/sources/sources.ts";
import { readTable, type TableOptions } from "../../src/tables/table.ts";

interface Golden {
  readonly files: Readonly<Record<string, string>>;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly long: string;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/arrow.json", import.meta.url), "utf8"),
) as Golden;
const folder = mkdtempSync(join(tmpdir(), "cramming-arrow-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}
const bytesOf = (name: string) => Buffer.from(golden.files[name]!, "base64");
const read = async (name: string, bytes: Uint8Array, options: TableOptions = {}) =>
  (await readTable(write(name, bytes), options)).rows;

for (const name of Object.keys(golden.files)) {
  test(`${name}: rows as pyarrow has them, each with its number`, async () => {
    const rows = await read(`${name}.arrow`, bytesOf(name));
    assert.deepEqual(
      rows.map(({ values }) => values),
      golden.rows,
    );
    assert.deepEqual(
      rows.map(({ line }) => line),
      [1, 2, 3, 4, 5],
    );
  });
}

test("blocks of LZ4 that refer to each other, single columns, and any row to begin with", async () => {
  const rows = await read("long.feather", Buffer.from(golden.long, "base64"));
  assert.deepEqual(
    rows.map(({ values }) => values.text),
    Array.from({ length: 400 }, (_, i) => `${i * i} bottles, ${i} of them green; `.repeat(8)),
  );
  for (const from of [1, 4]) {
    const some = await read("from.arrow", bytesOf("stream"), { from, columns: ["score"] });
    assert.deepEqual(
      some.map(({ values }) => values),
      golden.rows.slice(from).map(({ score }) => ({ score })),
    );
  }
});

test("documents of an Arrow file under no name that says it", async () => {
  const [shard] = await listShards([write("dataset", bytesOf("file-zstd"))]);
  const choice = { part: { index: 0, source: "", weight: 1, passes: 1 }, where: { "meta.set": ["Books"] } };
  const texts: string[] = [];
  const options = { textField: "large", skipBroken: true };
  for await (const { documents } of readShard({ ...shard!, choice }, options, startFunnel())) {
    texts.push(...documents.map(({ text }) => text));
  }
  assert.deepEqual(
    texts,
    golden.rows.flatMap(({ large }) => (large === null ? [] : [large])),
  );
});

test("a file cut anywhere or changed is named, or gives what is in it", async () => {
  const fails = (error: unknown) =>
    error instanceof UserError && error.code === "E_ARROW" && /damaged\.arrow/.test(error.message);
  const stream = bytesOf("stream-lz4");
  for (const length of [9, 1000, stream.length - 9]) {
    await assert.rejects(read("damaged.arrow", stream.subarray(0, length)), fails);
  }
  await assert.rejects(read("damaged.arrow", Buffer.from("just a text, and no Arrow file")), fails);
  for (const at of [400, 2000]) {
    const changed = Buffer.from(stream);
    changed[at]! ^= 0x55;
    await read("damaged.arrow", changed).catch(error => assert.ok(fails(error), `${at}: ${error}`));
  }
  await assert.rejects(read("empty.arrow", new Uint8Array(0)), { code: "E_TABLE_EMPTY" });
});
