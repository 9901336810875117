// What is refused in every format alike, and what is said of how it is read instead.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { startFunnel } from "../funnel.ts";
import type { ChosenFormat } from "./read-options.ts";
import { readShard } from "./read-shard.ts";
import { listShards } from "./sources.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-refused-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string, options: { met?: boolean; format?: ChosenFormat | undefined } = {}) {
  const [found] = await listShards([path]);
  const funnel = startFunnel();
  const texts: string[] = [];
  const how = { textField: "text", format: options.format };
  for await (const { documents } of readShard({ ...found!, named: options.met !== true }, how, funnel)) {
    texts.push(...documents.map(({ text }) => text));
  }
  return { texts, passedOver: funnel.passedOver };
}

test("a NUL byte is no text, wherever it stands, in every format of text and packed or not", async () => {
  const contents = (at: number) => `${"some words\n".repeat(at / 11)}`;
  for (const at of [0, 110, 9900, 2_200_000]) {
    for (const [name, format] of [
      ["a.txt", undefined],
      ["a.md", undefined],
      ["a.html", undefined],
      ["a.d.ts", undefined],
      ["unknown", "text"],
    ] as const) {
      for (const nuls of [1, 5000]) {
        const content = `${contents(at)}${"\0".repeat(nuls)}`;
        for (const path of [write(name, content), write(`${name}.gz`, gzipSync(content, { level: 1 }))]) {
          if (path.endsWith("unknown.gz")) continue;
          await assert.rejects(read(path, { format }), { code: "E_BINARY" }, `${name} ${at} ${nuls}`);
          const { texts, passedOver } = await read(path, { met: true, format });
          assert.deepEqual([texts, passedOver], [[], [{ reason: "binary files", count: 1, first: [path] }]]);
        }
      }
    }
  }
});

test("a table in quotes with tabs between its fields is read as a csv, and its rows say so", async () => {
  const rows = 'id\ttext\n1\t"a ""b"" c"\n2\t"two\tparts\nand lines"\n3\tplain\n';
  const path = write("quotes.tsv", rows);
  assert.deepEqual((await read(path, { format: "csv" })).texts, ['a "b" c', "two\tparts\nand lines", "plain"]);
  await assert.rejects(read(path), { code: "E_TABLE_ROW", advice: /--format csv/ });
  await assert.rejects(read(write("cut.tsv", 'id\ttext\n1\t"a\nb"\n')), {
    code: "E_TABLE_ROW",
    advice: /--format csv/,
  });
  await assert.rejects(read(write("few.tsv", "id\ttext\n1\n")), { code: "E_TABLE_ROW", advice: /The line was cut/ });
  // As GLUE's are, a field that begins with a quote need not end with one.
  assert.deepEqual((await read(write("glue.tsv", 'id\ttext\n1\t"open\n2\t"a"\n'))).texts, ['"open', '"a"']);
});

test("what is refused says how it is read", async () => {
  const utf16 = (text: string) => Buffer.from(text, "utf16le");
  const utf32 = (text: string) => Buffer.concat([...text].map(sign => Buffer.from([...utf16(sign), 0, 0])));
  const swap = (bytes: Buffer) => Buffer.from(bytes).swap32();
  for (const [name, content, code, advice] of [
    ["a.txt", utf32("\ufeffplain text"), "E_UTF8", /iconv -f UTF-32 /],
    ["a.jsonl", utf32('\ufeff{"text":"a"}'), "E_UTF8", /iconv -f UTF-32 /],
    ["a.csv", utf32("\ufefftext\n"), "E_UTF8", /iconv -f UTF-32 /],
    ["a.txt", swap(utf32("\ufeffplain text")), "E_BINARY", /iconv -f UTF-32BE /],
    ["a.txt", utf32("plain text é"), "E_BINARY", /iconv -f UTF-32LE /],
    ["a.txt", swap(utf32("plain text é")), "E_BINARY", /iconv -f UTF-32BE /],
    ["a.txt", utf16("人人生而自由，在尊严和权利上平等。"), "E_UTF8", /iconv -f UTF-16LE /],
    ["a.txt", utf16("人人生而自由，在尊严和权利上\n一律平等。\n"), "E_BINARY", /iconv -f UTF-16LE /],
    ["a.txt", utf16("すべての人間は、生まれながらにして自由\nである。\n").swap16(), "E_BINARY", /iconv -f UTF-16BE /],
    ["a.jsonl", utf16('{"text":"모든 인간은 태어날 때부터 자유로우며"}\n'), "E_BINARY", /iconv -f UTF-16LE /],
    ["a.csv", utf16("text\n人人生而自由，在尊严和权利上一律平等。\n").swap16(), "E_BINARY", /iconv -f UTF-16BE /],
    ["a.txt", Buffer.alloc(5000), "E_BINARY", /Name a text file/],
    ["rows.parquet.gz", gzipSync("PAR1\0\0"), "E_BINARY", /unpack it, and name it \.parquet/],
    ["rows.arrow.gz", gzipSync("ARROW1\0\0"), "E_BINARY", /unpack it, and name it \.arrow/],
    ["null.jsonl", '{"text":null}', "E_TEXT_FIELD", /Leave the row out/],
    ["null.json", '[{"text":null}]', "E_TEXT_FIELD", /Leave the row out/],
    ["unknown", "id,text\n1,a\n", "E_TEXT_FORMAT", /--format csv/],
    ["unknown", "id\ttext\n1\ta\n", "E_TEXT_FORMAT", /--format tsv/],
    ["unknown", '[\n {"text":"a"}]', "E_TEXT_FORMAT", /--format jsonl or json/],
  ] as const) {
    await assert.rejects(read(write(name, content)), { code, advice }, name);
  }
});
