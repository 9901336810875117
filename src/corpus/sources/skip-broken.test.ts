// What --skip-broken leaves of a file: all rows before a fault, and those behind it where reading can go on, wherever the pieces of
// the file end.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../../base/errors.ts";
import { startFunnel } from "../funnel.ts";
import type { ReadOptions } from "./read-options.ts";
import { readShard } from "./read-shard.ts";
import { listShards } from "./sources.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-skip-"));
after(() => rmSync(folder, { recursive: true }));

async function read(name: string, content: string | Uint8Array, options: Partial<ReadOptions> & { longest?: number }) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const [shard] = await listShards([path]);
  const funnel = startFunnel();
  const texts: string[] = [];
  for await (const { documents } of readShard(shard!, { textField: "text", ...options }, funnel, 0, options.longest)) {
    texts.push(...documents.map(({ text }) => text));
  }
  const passed = funnel.passedOver.map(({ reason, count, first }) => [
    reason,
    count,
    first[0]!.slice(folder.length + 1),
  ]);
  return { texts, passed };
}

/** 3 MB of rows: several pieces of a file. */
const texts = Array.from({ length: 3000 }, (_, i) => `text ${i} é ${"x".repeat(1000)}`);
const bad = 2500;

interface Kind {
  readonly row: (text: string, i: number) => string;
  readonly head?: string;
  readonly tail?: string;
  readonly between?: string;
  readonly faults: readonly (readonly [fault: string | Buffer, code: string, isEnd?: true])[];
}
const latin = Buffer.from("1,caf\xe9\n", "latin1");
const csv: Kind = {
  head: "id,text\n",
  row: text => `1,"${text}"\n`,
  faults: [
    ["1\n", "E_TABLE_ROW"],
    ["1,2,3\n", "E_TABLE_ROW"],
    ['1,"a" b\n', "E_TABLE_ROW"],
    [`1,"${"y".repeat(9000)}"\n`, "E_TEXT_TOO_LONG"],
    [`1,${"y".repeat(9000)}\n`, "E_TEXT_TOO_LONG"],
    // The next row opens its quote, which closes this one.
    ['1,"a\n1,"b"\n', "E_TABLE_ROW"],
    [latin, "E_UTF8"],
    [Buffer.from('1,"\xe2\x82\n, ""\xff"\n', "latin1"), "E_UTF8"],
    ["1,a\0\n", "E_BINARY", true],
  ],
};
const list: Kind = {
  head: "[",
  tail: "]",
  between: ",\n",
  row: text => JSON.stringify({ text }),
  faults: [
    ['{"text":x}', "E_JSON_LINE"],
    ['{"x":"y"}', "E_TEXT_FIELD"],
    ["oops", "E_JSON_LINE"],
    ["null", "E_JSON_LINE"],
    [`{"text":"${"y".repeat(9000)}"}`, "E_TEXT_TOO_LONG"],
    // An object begins in another only as the value of a key.
    ["{", "E_JSON_LINE"],
    [Buffer.from('{"text":"caf\xe9"}', "latin1"), "E_UTF8"],
    ["\0", "E_BINARY", true],
  ],
};
const kinds: Readonly<Record<string, Kind>> = {
  "rows.csv": csv,
  "unquoted.csv": { ...csv, row: text => `1,${text}\n`, faults: [['1,"a\n', "E_TABLE_ROW", true]] },
  "rows.tsv": {
    head: "id\ttext\n",
    row: text => `1\t${text}\n`,
    faults: [
      ["1\n", "E_TABLE_ROW"],
      ["1\t2\t3\n", "E_TABLE_ROW"],
      [`1\t${"y".repeat(9000)}\n`, "E_TEXT_TOO_LONG"],
      [Buffer.from("1\tcaf\xe9\n", "latin1"), "E_UTF8"],
      ["1\ta\0\n", "E_BINARY", true],
    ],
  },
  "list.json": list,
  "values.json": { ...list, head: "", tail: "", between: "\n" },
  "lines.jsonl": {
    row: text => `${JSON.stringify({ text })}\n`,
    faults: [
      ['{"text":\n', "E_JSON_LINE"],
      ['{"x":"y"}\n', "E_TEXT_FIELD"],
      [latin, "E_UTF8"],
      ["\0\n", "E_JSON_LINE"],
      [`{"text":"${"y".repeat(9000)}"}\n`, "E_TEXT_TOO_LONG"],
    ],
  },
  "paragraphs.txt": {
    row: text => `${text}\n\n`,
    faults: [
      [`${"y".repeat(9000)}\n\n`, "E_TEXT_TOO_LONG"],
      [Buffer.from("caf\xe9\n\n", "latin1"), "E_UTF8"],
      [Buffer.from("\xf0\x9f\n\n", "latin1"), "E_UTF8"],
      ["a\0\n\n", "E_BINARY", true],
    ],
  },
};

for (const [name, { row, head = "", tail = "", between = "", faults }] of Object.entries(kinds)) {
  test(`a broken row of ${name} takes no other with it`, async () => {
    for (const [fault, code, isEnd] of faults) {
      const rows = texts.map(row);
      const content = Buffer.concat([
        Buffer.from(head + rows.slice(0, bad).join(between) + between),
        Buffer.from(fault as string),
        Buffer.from(between + rows.slice(bad).join(between) + tail),
      ]);
      const options = {
        separator: name.endsWith(".txt") ? /\r?\n[ \t]*\r?\n/ : undefined,
        longest: isEnd ? 2 ** 26 : 8000,
      };
      for (const [file, bytes] of [
        [name, content],
        [`${name}.gz`, gzipSync(content, { level: 1 })],
      ] as const) {
        const { texts: kept, passed } = await read(file, bytes, { ...options, skipBroken: true });
        const told = `${file} ${code} ${String(fault).slice(0, 20)}`;
        assert.equal(kept.length, isEnd ? bad : texts.length, told);
        assert.deepEqual(kept, texts.slice(0, isEnd && bad), told);
        const [reason, count, place] = passed.at(-1) as [string, number, string];
        assert.equal(
          reason,
          isEnd
            ? `rests of files, of unknown size (${code})`
            : `broken ${name.endsWith(".txt") ? "documents" : "lines"} (${code})`,
          told,
        );
        assert.deepEqual([count, place.startsWith(file)], [1, true], told);
        assert.ok(isEnd || passed.length === 1, told);
        await assert.rejects(read(file, bytes, options), (error: unknown) => {
          return error instanceof UserError && error.code === code;
        });
      }
    }
  });
}

test("of a packed file that is damaged nothing is taken, of one that is cut what stands before, of one with other bytes behind it all", async () => {
  const rows = texts.slice(0, 1500);
  for (const [name, { row, head = "", tail = "", between = "" }] of Object.entries(kinds)) {
    const options = { skipBroken: true, separator: name.endsWith(".txt") ? /\r?\n[ \t]*\r?\n/ : undefined };
    const content = head + rows.map(row).join(between) + tail;
    const middle = Math.floor(content.length / 2);
    const packed = Buffer.concat([content.slice(0, middle), content.slice(middle)].map(part => gzipSync(part)));
    const file = `packed.${name}.gz`;
    const told = async (code: string, bytes: Buffer) => {
      const { texts: kept, passed } = await read(file, bytes, options);
      assert.match(passed.at(-1)![0] as string, new RegExp(`\\(${code}\\)$`), `${name} ${code}`);
      return kept;
    };
    // In the first member, the second, and the checksum and length of the second.
    for (const at of [100, Math.floor(packed.length * 0.75), packed.length - 7, packed.length - 3]) {
      const damaged = Buffer.from(packed);
      damaged[at]! ^= 4;
      assert.deepEqual(await told("E_GZIP", damaged), [], `${name} at ${at}`);
    }
    const cut = await told("E_GZIP_CUT", packed.subarray(0, Math.floor(packed.length * 0.75)));
    assert.ok(cut.length > 700 && cut.length < 1500, `${name}: ${cut.length}`);
    assert.deepEqual(cut, rows.slice(0, cut.length), name);
    assert.deepEqual(await told("E_GZIP_TAIL", Buffer.concat([packed, Buffer.from("stray")])), rows, name);
    const open = gzipSync(content.trimEnd());
    assert.deepEqual(await told("E_GZIP_TAIL", Buffer.concat([open, Buffer.from("stray")])), rows, name);
  }
});
