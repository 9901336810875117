import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { UserError } from "../../base/errors.ts";
import { startFunnel } from "../funnel.ts";
import { separators } from "./formats/separators.ts";
import type { ChosenFormat } from "./read-options.ts";
import { readShard } from "./read-shard.ts";
import type { Shard } from "./shard.ts";
import { listShards } from "./sources.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-read-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function read(
  path: string,
  options: { field?: string; met?: boolean; longestBytes?: number; format?: ChosenFormat | undefined } = {},
) {
  const [found] = await listShards([path]);
  const shard = { ...found!, named: options.met !== true };
  const funnel = startFunnel();
  const documents: { text: string }[] = [];
  const how = { textField: options.field ?? "text", format: options.format };
  for await (const batch of readShard(shard, how, funnel, 0, options.longestBytes)) {
    for (const { text } of batch.documents) documents.push({ text });
  }
  const { passedOver } = funnel;
  return { documents, texts: documents.map(({ text }) => text), passedOver };
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
  const long = `${"0123456789abcdef".repeat(2 ** 17)} in several pieces`;
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
  const expected = [{ text: "one" }, { text: "two\nlines" }, { text: "" }];
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
    ['{"text":["x"]}', "text (list)"],
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
    assert.deepEqual(await read(path, { met: true }), {
      documents: [],
      texts: [],
      passedOver: [{ reason: "binary files", count: 1, first: [path] }],
    });
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
  const [shard] = await listShards([path]);
  rmSync(path);
  await assert.rejects(readShard(shard!, { textField: "text" }, startFunnel()).next(), fails("E_FILE_MISSING", path));
});

test("texts are the same in every format, packed or not, under any name", async () => {
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const text = fc.string({ unit: "grapheme", minLength: 1 }).map(string => string.replaceAll("\0", "").trim() || "x");
  const formats: Readonly<Record<string, (texts: readonly string[]) => string>> = {
    "c4-train.00000-of-01024.json": texts => texts.map(text => `${JSON.stringify({ text, id: 1 })}\n`).join(""),
    "lines.JSONL": texts => texts.map(text => JSON.stringify({ id: 1, text })).join("\n"),
    "lines.ndjson": texts => texts.map(text => `${JSON.stringify({ text })}\r\n`).join(""),
    "without-ending": texts => texts.map(text => `${JSON.stringify({ text })}\n`).join(""),
    "list.json": texts => JSON.stringify(texts.map(text => ({ text }))),
    "pretty.json": texts =>
      JSON.stringify(
        texts.map(text => ({ a: { b: [] }, text })),
        undefined,
        2,
      ),
    "strings.json": texts => JSON.stringify(texts, undefined, 1),
    "table.csv": texts => `id,text\n${texts.map(text => `1,${quote(text)}\n`).join("")}`,
  };
  await fc.assert(
    fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), async texts => {
      for (const [name, format] of Object.entries(formats)) {
        const content = format(texts);
        assert.deepEqual((await read(write(name, content))).texts, texts, name);
        const packed = name === "without-ending" ? name : `${name}.gz`;
        assert.deepEqual((await read(write(packed, gzipSync(content)))).texts, texts, packed);
      }
    }),
    { numRuns: 25 },
  );
});

test("a text lies in a field of a field, too", async () => {
  const path = write("nested.jsonl", '{"data":{"text":"one"}}\n{"data.text":"two"}\n');
  assert.deepEqual((await read(path, { field: "data.text" })).texts, ["one", "two"]);
  await assert.rejects(
    read(write("proto.jsonl", '{"a":1}'), { field: "__proto__.constructor" }),
    fails("E_TEXT_FIELD"),
  );
});

test("what is of another format than text is refused, with a name that says text, too", async () => {
  for (const [name, content] of [
    ["feed.rss", '<?xml version="1.0"?><a/>'],
    ["page.txt", "\ufeff <!DOCTYPE html><p>x</p>"],
    ["page.md", "<!-- saved --> <!-- twice -->\n<html><p>x</p>"],
    ["feed.txt", '<?xml version="1.0"?><a/>'],
    ["lines.txt", '{"text":"a"}\n{"text":"b"}\n'],
    ["config.md", '{\n  "name": "a"\n}'],
    ["list.txt", '[\n {"id":1}]'],
    ["unknown-object", '{"name":"a"}'],
    ["table.txt", 'id,"text"\n1,a\n'],
    ["tabs.txt", "id\ttext\n1\ta\n"],
    ["paper.txt", "%PDF-1.7\n"],
    ["letter.md", "{\\rtf1\\ansi x}"],
    ["text.txt.xz", Buffer.from("fd377a585a000004", "hex")],
    ["text.bz2", "BZh91AY"],
  ] as const) {
    await assert.rejects(read(write(name, content)), fails("E_TEXT_FORMAT", name));
  }
});

test("prose that looks a little like another format is text", async () => {
  const texts = [
    "{braces} open it",
    "[x] done, [ ] not",
    "<p>a paragraph</p>",
    "text, and commas, and more",
    "# text\n\n<html>",
  ];
  for (const text of texts) assert.deepEqual((await read(write("prose.md", text))).texts, [text]);
});

test("what a file is can be said, whatever its name and content say", async () => {
  const lines = '{"text":"<b>a</b>"}\n';
  assert.deepEqual((await read(write("said.txt", lines), { format: "jsonl" })).texts, ["<b>a</b>"]);
  assert.deepEqual((await read(write("said.txt", lines), { format: "text" })).texts, [lines]);
  assert.deepEqual((await read(write("said.csv", "id,text\n"), { format: "text" })).texts, ["id,text\n"]);
  assert.deepEqual((await read(write("said.txt", "<b>a</b> &amp; b"), { format: "html" })).texts, ["a & b"]);
});

test("a page gives its text, packed, met or named, and under a name that says nothing", async () => {
  const page = "<!doctype html><title>T</title><body><p>one<p>two &eacute;";
  for (const name of ["a.html", "a.HTM", "a.xhtml"])
    assert.deepEqual((await read(write(name, page))).texts, ["T\none\ntwo é"]);
  assert.deepEqual((await read(write("a.html.gz", gzipSync(page)), { met: true })).texts, ["T\none\ntwo é"]);
  assert.deepEqual((await read(write("page", page))).texts, ["T\none\ntwo é"]);
  const latin = write("latin.html", Buffer.from("<p>\u00e9</p>", "latin1"));
  await assert.rejects(read(latin), fails("E_UTF8", latin));
});

test("UTF-16 with its mark is read in every format, and without it is told apart from binary content", async () => {
  const encode = (text: string, mark = "\ufeff") => Buffer.from(mark + text, "utf16le");
  assert.deepEqual((await read(write("a.txt", encode("é один")))).texts, ["é один"]);
  assert.deepEqual((await read(write("a.txt", encode("é один").swap16()))).texts, ["é один"]);
  assert.deepEqual((await read(write("a.txt.gz", gzipSync(encode("é"))))).texts, ["é"]);
  assert.deepEqual((await read(write("a.jsonl", encode('{"text":"é"}\r\n{"text":"b"}')))).texts, ["é", "b"]);
  assert.deepEqual((await read(write("a.html", encode("<p>é")))).texts, ["é"]);
  await assert.rejects(read(write("a.txt", encode("plain text", ""))), {
    code: "E_BINARY",
    advice: /iconv -f UTF-16LE/,
  });
  await assert.rejects(read(write("a.txt", encode("plain text", "").swap16())), { advice: /iconv -f UTF-16BE/ });
  await assert.rejects(read(write("a.txt", png)), { advice: /Name a text file/ });
  for (const name of ["a.txt", "a.html", "a.csv", "a.jsonl"]) {
    const zip = write(name, Buffer.from("504b030414000600080000002100", "hex"));
    await assert.rejects(read(zip), { code: "E_BINARY", message: /: a zip archive, as \.docx/ });
  }
  // What may be letters alone is read where somebody says that it is text.
  const rich = write("a.txt", "{\\rtf1 plain}");
  await assert.rejects(read(rich), { code: "E_TEXT_FORMAT", advice: /--format text/ });
  assert.deepEqual((await read(rich, { format: "text" })).texts, ["{\\rtf1 plain}"]);
});

test("in a folder what is of another format than its name says is counted", async () => {
  const { texts, passedOver } = await read(write("met.txt", '{"text":"a"}\n'), { met: true });
  assert.deepEqual([texts, passedOver.map(({ count }) => count)], [[], [1]]);
});

test("documents of one text file lie between separators, wherever its pieces end", async () => {
  const [shard] = await listShards([write("many.txt", "one\n1\r\n \r\n\n\ntwo\n\n")]);
  const texts: string[] = [];
  const options = { textField: "text", separator: /\r?\n[ \t]*\r?\n/ };
  for await (const batch of readShard(shard!, options, startFunnel()))
    texts.push(...batch.documents.map(({ text }) => text));
  assert.deepEqual(texts, ["one\n1", "two"]);
});

test("lines end as every system writes them", async () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const content = ["one", "two", "", "three"].join(end) + end;
    for (const padding of ["", "x".repeat(2 ** 20 - 1) + end, "x".repeat(2 ** 20) + end]) {
      const [shard] = await listShards([write("ends.txt", padding + content)]);
      const texts: string[] = [];
      for await (const batch of readShard(shard!, { textField: "text", separator: separators.line }, startFunnel()))
        texts.push(...batch.documents.map(({ text }) => text));
      assert.deepEqual(texts.slice(padding === "" ? 0 : 1), ["one", "two", "three"], JSON.stringify(end));
    }
  }
});

test("what is broken is counted and passed over on request, and a table without texts in a folder always", async () => {
  const funnel = startFunnel();
  const readAll = async (path: string, named: boolean, skipBroken: boolean) => {
    const [shard] = await listShards([path]);
    const texts: string[] = [];
    for await (const batch of readShard({ ...shard!, named }, { textField: "text", skipBroken }, funnel)) {
      texts.push(...batch.documents.map(({ text }) => text));
    }
    return texts;
  };
  const lines = write("broken.jsonl", '{"text":"a"}\n{"text":\n{"x":1}\n{"text":"b"}\n');
  assert.deepEqual(await readAll(lines, true, true), ["a", "b"]);
  const cut = write("cut.txt.gz", gzipSync("some text").subarray(0, 15));
  assert.deepEqual(await readAll(cut, true, true), []);
  // In a folder it is no end of all: what goes on without it is said once.
  const notUtf8 = write("latin.txt", Buffer.from("caf\xe9\n", "latin1"));
  const rowless = write("more.jsonl", '{"x":1}\n');
  for (const path of [cut, notUtf8, rowless]) {
    const hints = async (named: boolean) => {
      const error = await readAll(path, named, false).then(
        () => assert.fail(path),
        (error: UserError) => error,
      );
      return error.advice.split("--skip-broken").length - 1;
    };
    assert.deepEqual([await hints(false), await hints(true)], [1, path === rowless ? 1 : 0], path);
  }
  assert.deepEqual(await readAll(write("rows.json", '[{"text":"a"},{"text":null},{"text":"b"}]'), true, true), [
    "a",
    "b",
  ]);
  const config = write("package.json", '{"name":"x"}');
  assert.deepEqual(await readAll(config, false, false), []);
  assert.deepEqual(
    funnel.passedOver.map(({ reason, count }) => [reason, count]),
    [
      ["broken lines (E_JSON_LINE)", 1],
      ["broken lines (E_TEXT_FIELD)", 2],
      ["broken (E_GZIP_CUT)", 1],
      ['without a text in "text"', 1],
    ],
  );
  await assert.rejects(readAll(lines, true, false), fails("E_JSON_LINE", "broken.jsonl:2"));
  await assert.rejects(readAll(config, true, false), fails("E_TEXT_FIELD", "package.json:1"));
});

test("--skip-broken passes over no file for what is the machine's or the network's", async () => {
  const { CRAM_CACHE } = process.env;
  process.env.CRAM_CACHE = "a/relative/path";
  const place = { scheme: "hub", path: "hf:some/texts/a.txt", place: "hub", format: "text", bytes: 9 } as const;
  const file = { type: "file", path: "a.txt", size: 9, oid: "0".repeat(40) };
  const remote = { endpoint: "http://127.0.0.1:9", repository: "some/texts", revision: "0".repeat(40), file };
  const funnel = startFunnel();
  try {
    for (const skipBroken of [true, false]) {
      const shard: Shard = { ...place, named: false, remote };
      const reading = readShard(shard, { textField: "text", skipBroken }, funnel);
      await assert.rejects(reading.next(), (error: unknown) => {
        assert.ok(error instanceof UserError && error.code === "E_CACHE", String(error));
        return !error.advice.includes("--skip-broken");
      });
    }
  } finally {
    if (CRAM_CACHE === undefined) delete process.env.CRAM_CACHE;
    else process.env.CRAM_CACHE = CRAM_CACHE;
  }
  assert.deepEqual(funnel.passedOver, []);
});

test("reading goes on from any position as if it had not stopped, in every format", async () => {
  const texts = Array.from({ length: 40 }, (_, i) => `text ${i} ${"x".repeat(i)}`);
  const lines = texts.map(text => `${JSON.stringify({ text })}\n`).join("\n");
  const files = {
    "go-on.jsonl": lines,
    "go-on.jsonl.gz": gzipSync(lines),
    "go-on.csv": `text\n${texts.join("\n")}\n`,
    "go-on.json": JSON.stringify(texts),
    "go-on.txt": texts.join("\n\n"),
  };
  for (const [name, content] of Object.entries(files)) {
    const [shard] = await listShards([write(name, content)]);
    const readFrom = async (from: number) => {
      const found: string[] = [];
      const options = { textField: "text", separator: /\n\n/ };
      for await (const { documents, next } of readShard(shard!, options, startFunnel(), from)) {
        assert.ok(next > from);
        found.push(...documents.map(({ text }) => text));
      }
      return found;
    };
    assert.deepEqual(await readFrom(0), texts, name);
    // Every line of these is followed by an empty one, except the last.
    const perText = name.includes("jsonl") ? 2 : 1;
    for (const passed of [1, 7, 39]) assert.deepEqual(await readFrom(passed * perText), texts.slice(passed), name);
    assert.deepEqual(await readFrom(40 * perText), [], name);
  }
});
