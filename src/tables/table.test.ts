import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { readJsonValues } from "./formats/json-rows.ts";
import { readTable, type TableOptions, tableFormat } from "./table.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-tables-"));
after(() => rmSync(folder, { recursive: true }));

/** The rows of a file of that name and content: each its values, then its line. */
async function read(name: string, content: string | Uint8Array, options: TableOptions = {}): Promise<unknown[][]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const { rows } = await readTable(path, options);
  return rows.map(({ values, origin, line }) => {
    assert.equal(origin, `${path}:${line}`);
    return [values, line];
  });
}

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

test("a .tsv is read as GLUE writes it: a quote is a character", async () => {
  const text = 'sentence\tlabel\nan "open quote\t1\n\n"a"\t0\n';
  const rows = [
    [{ sentence: 'an "open quote', label: "1" }, 2],
    [{ sentence: '"a"', label: "0" }, 4],
  ];
  assert.deepEqual(await read("a.tsv", text), rows);
  assert.deepEqual(await read("a.tsv.gz", gzipSync(text)), rows);
  assert.deepEqual(await read("crlf.tsv", text.replaceAll("\n", "\r\n")), rows);
  assert.deepEqual(await read("bom.tsv", `\ufeff${text}`), rows);
  assert.deepEqual(await read("open.tsv", text.trimEnd()), rows);
});

test("a .csv is read as RFC 4180 says, a row named by the line it begins on", async () => {
  const text = 'text,label\r\n"a, ""b""",1\r\n"two\nlines",0\r\nplain,1\r\n';
  const rows = [
    [{ text: 'a, "b"', label: "1" }, 2],
    [{ text: "two\nlines", label: "0" }, 3],
    [{ text: "plain", label: "1" }, 5],
  ];
  assert.deepEqual(await read("a.csv", text), rows);
  assert.deepEqual(await read("a.csv.gz", gzipSync(text)), rows);
  await assert.rejects(read("quote.csv", 'text,label\na,1\n"b,0\nc,1\n'), fails("E_TABLE_ROW", "quote.csv:3:"));
  await assert.rejects(read("few.csv", 'text,label\n"two\nlines",0\nb\n'), fails("E_TABLE_ROW", "few.csv:4: 1 field,"));
});

test("an object of a .json that lacks its end is named where it begins, and those behind it are read", async () => {
  const entry = (i: number) => `{ "text": "t } ${i}",\n "more": { "a": [{}, { "b": ${i} }] } }`;
  const whole = Array.from({ length: 5 }, (_, i) => entry(i));
  for (const lacking of whole.keys()) {
    // The second lacks one of an object in it: its own end stands for that.
    for (const cut of [entry(lacking).slice(0, -2), entry(lacking).replace("] }", "]")]) {
      const entries = whole.map((text, i) => (i === lacking ? cut : text));
      const texts = [`[\n${entries.join(",\n")}\n]`, `[\n${entries.join("\n,")}]\n`, `\n${entries.join("\n")}`];
      for (const [form, text] of texts.entries()) {
        // One behind the other, the last one ends with the file, which is told of all.
        if (form === 2 && lacking === 4) continue;
        for (const bytes of [1, 7, 64, 1000]) {
          const pieces = async function* () {
            for (let at = 0; at < text.length; at += bytes) yield Buffer.from(text.slice(at, at + bytes));
          };
          const rows: (number | string)[][] = [];
          for await (const some of readJsonValues(pieces(), "a.json", 1000, false)) {
            rows.push(...some.map(row => [row.line, "broken" in row ? row.broken.message : String(row.values.text)]));
          }
          const expected = whole.map((_, i) => {
            const line = 2 + 2 * i;
            const said = `a.json:${line}: the object that begins here lacks its "}"`;
            return [line, i === lacking ? said : `t } ${i}`];
          });
          assert.deepEqual(rows, expected, `${form} ${lacking} ${bytes}`);
        }
      }
    }
  }
});

test("a line of a .jsonl is a row, whatever its values", async () => {
  const text = '{"a":"x","n":1.5}\n\n{"a":null,"list":[{"b":true}]}\n';
  const rows = [
    [{ a: "x", n: 1.5 }, 1],
    [{ a: null, list: [{ b: true }] }, 3],
  ];
  assert.deepEqual(await read("a.jsonl", text), rows);
  assert.deepEqual(await read("a.jsonl.gz", gzipSync(text)), rows);
  await assert.rejects(read("cut.jsonl", '{"a":1}\n{"a":'), fails("E_JSON_LINE", "cut.jsonl:2:"));
  await assert.rejects(read("list.jsonl", "[1]\n"), fails("E_JSON_LINE", "list.jsonl:1:", "an array"));
  await assert.rejects(read("null.jsonl", "null\n"), fails("E_JSON_LINE", "null.jsonl:1:"));
});

test("a row of another width is named with its line, unless short ones are to be left out", async () => {
  const text = "a\tb\n1\t2\n3\n4\t5\n";
  await assert.rejects(
    read("few.tsv", text),
    fails("E_TABLE_ROW", "few.tsv:3: 1 field, where the columns are 2 (a, b)"),
  );
  await assert.rejects(read("many.tsv", "a\tb\n1\t2\t3\n"), fails("E_TABLE_ROW", "many.tsv:2: 3 fields"));
  assert.deepEqual(await read("left.tsv", text, { leaveOutShort: true }), [
    [{ a: "1", b: "2" }, 2],
    [{ a: "4", b: "5" }, 4],
  ]);
});

test("two columns of one name are refused; without a name there may be several", async () => {
  await assert.rejects(read("twice.csv", "t,y,t\na,1,b\n"), fails("E_TABLE_ROW", "twice.csv:1", '"t"'));
  assert.deepEqual(await read("nameless.csv", ",t,\n0,a,x\n"), [[{ "": "x", t: "a" }, 2]]);
});

test("columns without a line of names", async () => {
  const headerless = ["source", "label"];
  assert.deepEqual(await read("bare.tsv", "x\t1\ny\t0\n", { headerless }), [
    [{ source: "x", label: "1" }, 1],
    [{ source: "y", label: "0" }, 2],
  ]);
  assert.deepEqual(await read("named.tsv", "index\tsource\n0\tx\n", { headerless }), [
    [{ index: "0", source: "x" }, 2],
  ]);
});

test("files that are empty, cut or of another kind are named", async () => {
  for (const name of ["empty.tsv", "empty.csv", "empty.jsonl", "empty.tsv.gz"]) {
    await assert.rejects(read(name, ""), fails("E_TABLE_EMPTY", name));
  }
  await assert.rejects(read("packed.tsv.gz", gzipSync("")), fails("E_TABLE_EMPTY", "packed.tsv.gz"));
  await assert.rejects(read("names.tsv", "a\tb\n"), fails("E_TABLE_EMPTY", "names.tsv"));
  await assert.rejects(read("names.csv", "a,b\n"), fails("E_TABLE_EMPTY", "names.csv"));
  await assert.rejects(read("blank.jsonl", "\n \n"), fails("E_TABLE_EMPTY", "blank.jsonl"));
  const packed = gzipSync("a\tb\n".repeat(1000));
  await assert.rejects(read("cut.tsv.gz", packed.subarray(0, packed.length - 9)), fails("E_GZIP_CUT", "cut.tsv.gz"));
  await assert.rejects(read("none.tsv.gz", "a\tb\n"), fails("E_GZIP", "none.tsv.gz"));
  const latin1 = Buffer.from("a\tb\n1\t2\ncaf\u00e9\t3\n", "latin1");
  await assert.rejects(read("latin1.tsv", latin1), fails("E_UTF8", "latin1.tsv:3:"));
  await assert.rejects(read("a.xlsx", "x"), fails("E_TABLE_FORMAT", "a.xlsx"));
  await assert.rejects(readTable(join(folder, "absent.tsv")), fails("E_FILE_MISSING", "absent.tsv"));
  await assert.rejects(readTable(join(folder, "absent.tsv", "x.tsv")), fails("E_FILE_MISSING"));
});

test("a table's name tells its format", () => {
  const names = ["a.tsv", "a.b.csv.gz", "a.jsonl", "a.parquet", "A.CSV", "a.Json.ZST", "a.ndjson"];
  assert.deepEqual(names.map(tableFormat), ["tsv", "csv", "jsonl", "parquet", "csv", "json", "jsonl"]);
  for (const other of ["a.parquet.gz", "tsv", "a.gz", "b/._a.csv", ".a.csv"])
    assert.equal(tableFormat(other), undefined);
});

test("a table's hash is its bytes'", async () => {
  writeFileSync(join(folder, "one.tsv"), "a\n1\n");
  writeFileSync(join(folder, "same.tsv"), "a\n1\n");
  writeFileSync(join(folder, "other.tsv"), "a\n2\n");
  const read = (name: string) => readTable(join(folder, `${name}.tsv`));
  const [one, same, other] = await Promise.all(["one", "same", "other"].map(async name => (await read(name)).hash));
  assert.equal(one, same);
  assert.notEqual(one, other);
});
