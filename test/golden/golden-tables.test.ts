// Tables against what Python's csv module and pandas read (scripts/make-tables.py), whatever the pieces in which they come, the
// packing and the encoding; and damage, which is refused.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { UserError } from "../../src/base/errors.ts";
import { BoundedWorkError, runBounded, siblingModule } from "../../src/base/threads/bounded-worker.ts";
import { readRecords } from "../../src/tables/formats/delimited.ts";
import { readTable } from "../../src/tables/table.ts";

type Golden = readonly { readonly name: string; readonly text: string; readonly records: readonly string[][] }[];
const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/tables.json", import.meta.url), "utf8"),
) as Golden;
const folder = mkdtempSync(join(tmpdir(), "cramming-golden-tables-"));
after(() => rmSync(folder, { recursive: true }));

async function read(name: string, bytes: string | Uint8Array): Promise<string[][]> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const { rows } = await readTable(path);
  return [Object.keys(rows[0]!.values), ...rows.map(({ values }) => Object.values(values) as string[])];
}

const utf16 = (text: string, big: boolean): Buffer => {
  const bytes = Buffer.from(`\ufeff${text}`, "utf16le");
  return big ? bytes.swap16() : bytes;
};

for (const { name, text, records } of golden) {
  test(`${name}: as Python's csv and pandas read it`, async () => {
    assert.deepEqual(await read("a.csv", text), records);
    assert.deepEqual(await read("A.CSV.GZ", gzipSync(text)), records);
    assert.deepEqual(await read("bom.csv", `\ufeff${text}`), records);
    assert.deepEqual(await read("le.csv", utf16(text, false)), records);
    assert.deepEqual(await read("be.csv", utf16(text, true)), records);
  });
}

test("what is written as RFC 4180 says is read back, in whatever pieces it comes", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r", " ", "é", "😀") });
  const row = fc.tuple(field, field);
  const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
  const end = fc.constantFrom("\n", "\r\n", "\r");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(row, end), { minLength: 1 }),
      fc.integer({ min: 1, max: 9 }),
      async (rows, size) => {
        const text = rows.map(([fields, ending]) => fields.map(quote).join(",") + ending).join("");
        const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
          text.slice(i * size, (i + 1) * size),
        );
        const found: (readonly string[])[] = [];
        const lines: number[] = [];
        for await (const batch of readRecords(pieces, "", { separator: ",", quotes: true, longestRecord: 1e6 })) {
          for (const { fields, line } of batch) [found.push(fields), lines.push(line)];
        }
        assert.deepEqual(
          found,
          rows.map(([fields]) => fields),
        );
        const before = (i: number) =>
          rows
            .slice(0, i)
            .map(([fields, ending]) => fields.map(quote).join(",") + ending)
            .join("");
        assert.deepEqual(
          lines,
          rows.map((_, i) => before(i).split(/\r\n|\r|\n/).length),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test("what is ambiguous or damaged is refused with its row", async () => {
  const refused = (name: string, content: string | Uint8Array, code: string, line: number) =>
    assert.rejects(
      read(name, content),
      (error: unknown) =>
        error instanceof UserError && error.code === code && error.message.startsWith(`${join(folder, name)}:${line}:`),
      name,
    );
  await refused("a.csv", 'a,b\r\n\r\n1,2\r\n"x"y,2\r\n', "E_TABLE_ROW", 4);
  await refused("b.csv", '\ufeffa,b\n1,2\n"x,2\n3,4\n', "E_TABLE_ROW", 3);
  await refused("c.csv", "a,b\n1,2\n1,2,3\n", "E_TABLE_ROW", 3);
  await refused("d.csv", "a,b\n1,2\n\0,2\n", "E_BINARY", 3);
  await refused("e.tsv", "a\tb\n1\t2\t3\n", "E_TABLE_ROW", 2);
  await refused("f.jsonl", `\ufeff{"a":1}\r\n\r\n{"a":${"[".repeat(100_000)}\r\n`, "E_JSON_LINE", 3);
  await refused("g.json", '[\n{"a":1},\n{"a":}\n]', "E_JSON_LINE", 3);
  await refused("h.json", '[{"a":1},\n{"a":2', "E_JSON_LINE", 2);
  await refused("i.csv", Buffer.from("a,b\n1,2\ncaf\u00e9,2\n", "latin1"), "E_UTF8", 3);
});

test("the list of a .json is its objects, each with its line, integers with all their digits", async () => {
  const path = join(folder, "list.json");
  const objects = '{"text": "a ] }", "n": 12345678901234567891},\n\n {"text": "\\"[", "n": 0.5}';
  for (const text of [`[${objects}]`, objects.replace("},", "}")]) {
    writeFileSync(path, text);
    const { rows } = await readTable(path);
    assert.deepEqual(
      rows.map(({ values, line }) => [values, line]),
      [
        [{ text: "a ] }", n: "12345678901234567891" }, 1],
        [{ text: '"[', n: 0.5 }, 3],
      ],
    );
  }
});

test("a parquet with any one bit flipped is read or refused, in time", async () => {
  type Files = Readonly<Record<string, { readonly base64: string }>>;
  const files = JSON.parse(
    readFileSync(new URL("../../../test/golden/expected/parquet.json", import.meta.url), "utf8"),
  ) as Files;
  const good = Buffer.from(files["nested-gzip"]!.base64, "base64");
  const path = join(folder, "flipped.parquet");
  for (let i = 0; i < 24; i++) {
    const bytes = Buffer.from(good);
    const at = Math.floor((i * good.length) / 24);
    bytes[at] = bytes[at]! ^ (1 << (i % 8));
    writeFileSync(path, bytes);
    await readTable(path).catch(error => assert.ok(error instanceof UserError, `byte ${at}: ${error}`));
  }
});

test("work without an end, or without a bound, is ended", async () => {
  const module = siblingModule(import.meta.url, "bounded-work");
  const run = async (name: string, signal?: AbortSignal): Promise<void> => {
    for await (const _ of runBounded(
      { module, name, input: 0, idleSeconds: name === "spin" ? 0.5 : 8, heapMebibytes: 64 },
      signal,
    ));
  };
  const because = (reason: string) => (error: unknown) => error instanceof BoundedWorkError && error.reason === reason;
  await assert.rejects(run("spin"), because("stuck"));
  await assert.rejects(run("grow"), because("memory"));
  await assert.rejects(run("failTwice"), because("failed"));
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error("stopped")), 200);
  await assert.rejects(run("spin", abort.signal), /stopped/);
});
