import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { startFunnel } from "./funnel.ts";
import { readSource } from "./read-source.ts";
import { listSources } from "./sources.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-read-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(path: string, options: { field?: string; met?: boolean; longestBytes?: number } = {}) {
  const [named] = listSources([path]);
  const source = { ...named!, named: options.met !== true };
  const funnel = startFunnel();
  const documents: { text: string; line?: number }[] = [];
  for await (const batch of readSource(source, options.field ?? "text", funnel, options.longestBytes)) {
    for (const { text, line } of batch) documents.push(line === undefined ? { text } : { text, line });
  }
  return { documents, texts: documents.map(({ text }) => text), skipped: funnel.binaryFilesSkipped };
}

const fails =
  (code: string, ...seen: string[]) =>
  (error: unknown) =>
    error instanceof UserError && error.code === code && seen.every(part => error.message.includes(part));

/** The first bytes of every PNG: the signature, then the length and name of the first chunk. */
const png = Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489", "hex");

test("a text file is one document, as it stands", async () => {
  assert.deepEqual((await read(write("a.txt", "one\r\n\ntwo é"))).documents, [{ text: "one\r\n\ntwo é" }]);
  assert.deepEqual((await read(write("bom.txt", "\ufeffone"))).texts, ["one"]);
  assert.deepEqual((await read(write("a.txt.gz", gzipSync("packed")))).texts, ["packed"]);
  assert.deepEqual((await read(write("empty.txt", ""))).texts, [""]);
  const long = `${"0123456789abcdef".repeat(2 ** 17)}\0 only the beginning tells binary content`;
  assert.deepEqual((await read(write("long.txt", long))).texts, [long]);
});

test("of type declarations the documentation is the document", async () => {
  const source = "/** Adds two numbers. */\ndeclare function add(a: number, b: number): number;\n";
  for (const name of ["a.d.ts", "a.d.mts", "a.d.cts"]) {
    assert.deepEqual((await read(write(name, source))).documents, [{ text: "Adds two numbers." }]);
  }
  assert.deepEqual((await read(write("a.ts", source))).texts, [source]);
});

test("a line of a .jsonl is a document; blank lines are not", async () => {
  const lines = '{"text":"one"}\n\n{"id":2,"text":"two\\nlines"}\n   \n{"text":""}\n';
  const expected = [
    { text: "one", line: 1 },
    { text: "two\nlines", line: 3 },
    { text: "", line: 5 },
  ];
  assert.deepEqual((await read(write("a.jsonl", lines))).documents, expected);
  assert.deepEqual((await read(write("a.jsonl.gz", gzipSync(lines)))).documents, expected);
  assert.deepEqual((await read(write("crlf.jsonl", lines.replaceAll("\n", "\r\n")))).documents, expected);
  assert.deepEqual((await read(write("bom.jsonl", `\ufeff${lines}`))).documents, expected);
  assert.deepEqual((await read(write("open.jsonl", lines.trimEnd()))).documents, expected);
  assert.deepEqual((await read(write("none.jsonl", ""))).documents, []);
  assert.deepEqual((await read(write("only-bom.jsonl", "\ufeff"))).documents, []);
  assert.deepEqual((await read(write("field.jsonl", '{"text":1,"content":"x"}'), { field: "content" })).texts, ["x"]);
});

test("halves of surrogate pairs spelt in JSON are repaired", async () => {
  const path = write("halves.jsonl", String.raw`{"text":"\ud83d\ude00 \ud83d x \ude00"}`);
  assert.deepEqual((await read(path)).texts, ["😀 \ufffd x \ufffd"]);
});

test("a bad line is named with its number", async () => {
  const bad = write("bad.jsonl", '{"text":"one"}\n\n{"text":"tw\n');
  await assert.rejects(read(bad), fails("E_JSON_LINE", `${bad}:3:`));
  const cut = write("cut.jsonl", '{"text":"one"}\n{"tex');
  await assert.rejects(read(cut), fails("E_JSON_LINE", `${cut}:2:`));
  const two = write("two.jsonl", '{"text":"one"} {"text":"two"}\n');
  await assert.rejects(read(two), fails("E_JSON_LINE", `${two}:1:`));
});

test("a line without the text says what it has", async () => {
  const cases: readonly (readonly [json: string, seen: string])[] = [
    ['{"id":1,"content":"x"}', "id (number), content (string)"],
    ['{"text":null}', "text (null)"],
    ['{"text":["x"]}', "text (object)"],
    ["{}", "no field"],
    ['["text"]', "an array"],
    ['"text"', "a string"],
    ["null", "null"],
    ["3", "a number"],
  ];
  for (const [json, seen] of cases) {
    const path = write("fields.jsonl", `{"text":"one"}\n${json}\n`);
    await assert.rejects(read(path), fails("E_TEXT_FIELD", `${path}:2:`, `"text"`, seen), json);
  }
  const inherited = write("inherited.jsonl", "{}");
  await assert.rejects(read(inherited, { field: "constructor" }), fails("E_TEXT_FIELD"));
});

test("a byte that is not UTF-8 is named with file, line and place", async () => {
  const line = Buffer.from('{"text":"x"}\r\n'); // 14 bytes
  const bad = Buffer.concat([line, line, Buffer.from('{"text":"caf\u00e9"}', "latin1")]);
  for (const path of [write("latin1.jsonl", bad), write("latin1.jsonl.gz", gzipSync(bad))]) {
    await assert.rejects(read(path), fails("E_UTF8", `${path}:3: not UTF-8 at byte 40 of its content (e9 22 7d)`));
    await assert.rejects(read(path, { met: true }), fails("E_UTF8", path), "also when met in a folder");
  }
  const text = write("latin1.txt", Buffer.from("one\ncaf\u00e9", "latin1"));
  await assert.rejects(read(text), fails("E_UTF8", `${text}:2: not UTF-8 at byte 7 of its content (e9)`));
});

test("a binary file is refused when named and counted when met in a folder", async () => {
  const files = [
    write("picture.txt", png),
    write("picture.jsonl", png),
    write("picture.txt.gz", gzipSync(png)),
    write("unnamed-gzip.txt", gzipSync("text ".repeat(1000))),
  ];
  for (const path of files) {
    await assert.rejects(read(path), fails("E_BINARY", path));
    assert.deepEqual(await read(path, { met: true }), { documents: [], texts: [], skipped: 1 });
  }
  await assert.rejects(read(files[0]!), fails("E_BINARY", "89 50 4e 47"));
});

test("a document longer than the limit is refused, one as long as it is read", async () => {
  const text = write("limit.txt", "x".repeat(1000));
  assert.equal((await read(text, { longestBytes: 1000 })).texts[0]!.length, 1000);
  await assert.rejects(read(text, { longestBytes: 999 }), fails("E_TEXT_TOO_LONG", text));
  const array = write("array.jsonl", `[${'{"text":"x"},'.repeat(100)}`);
  await assert.rejects(read(array, { longestBytes: 999 }), fails("E_TEXT_TOO_LONG", `${array}:1:`));
});

test("a file that vanishes after it was listed is named", async () => {
  const path = write("vanishes.txt", "x");
  const [source] = listSources([path]);
  rmSync(path);
  await assert.rejects(readSource(source!, "text", startFunnel()).next(), fails("E_TEXT_MISSING", path));
});
