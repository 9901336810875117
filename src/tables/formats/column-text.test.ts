import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { binary, columnFromArray, tableFromColumns, tableToIPC, utf8 } from "@uwdata/flechette";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { openTable, readTable } from "../table.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-columns-"));
after(() => rmSync(folder, { recursive: true }));

type Texts = readonly (Uint8Array | null)[];

/** A column of type binary or string of these bytes; where a writer takes strings alone, their bytes are put in behind it. */
const writers: Readonly<Record<string, (texts: Texts) => Uint8Array>> = {
  "binary.parquet": texts => writeParquet(texts, undefined),
  "string.parquet": texts => writeParquet(texts, "UTF8"),
  "binary.arrow": texts => {
    const column = columnFromArray([...texts], binary());
    return tableToIPC(tableFromColumns({ text: column }), { format: "file" })!;
  },
  "string.arrow": texts => {
    const stand = texts.map((text, i) => text && String.fromCharCode(65 + i).repeat(text.length));
    const column = columnFromArray(stand, utf8());
    const bytes = Buffer.from(tableToIPC(tableFromColumns({ text: column }), { format: "stream" })!);
    for (const [i, text] of texts.entries()) if (text) bytes.set(text, bytes.indexOf(stand[i]!));
    return bytes;
  },
};

function writeParquet(texts: Texts, converted_type: "UTF8" | undefined): Uint8Array {
  const element = { name: "text", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" } as const;
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    schema: [
      { name: "root", num_children: 1 },
      { ...element, ...(converted_type && { converted_type }) },
    ],
  });
  file.write({ columnData: [{ name: "text", data: [...texts] }] });
  file.finish();
  return new Uint8Array(writer.getBuffer());
}

const good = ["plain", "\ufeffmarked", "é один 😀"];
const bad = [Buffer.from("caf\xe9 olé", "latin1"), Buffer.from([0xc3]), Buffer.from([0xed, 0xa0, 0x80])];

for (const [name, write] of Object.entries(writers)) {
  test(`${name}: texts as they are, and bytes that are none are never replaced`, async () => {
    const path = join(folder, name);
    const texts = [...good.map(text => Buffer.from(text)), ...bad];
    const encoded = name === "string.parquet" ? texts : [...texts, null];
    writeFileSync(path, write(encoded));
    const { rows } = await readTable(path);
    assert.deepEqual(
      rows.slice(0, 6).map(({ values }) => values.text),
      [...good, ...bad.map(bytes => [...bytes])],
    );
    if (encoded.length > 6) assert.equal(rows[6]!.values.text, null);
    // Asked for, they are broken rows.
    await assert.rejects(readTable(path, { columns: ["text"] }), {
      code: "E_UTF8",
      message: `${path}:4: "text" is not UTF-8 at byte 3 of its text (e9 20 6f 6c)`,
    });
    const kept: unknown[] = [];
    for await (const batch of openTable(path, { columns: ["text"], keepBroken: true }).rows) {
      kept.push(...batch.map(({ values, broken }) => broken?.code ?? values.text));
    }
    assert.deepEqual(kept.slice(0, 6), [...good, "E_UTF8", "E_UTF8", "E_UTF8"]);
  });
}
