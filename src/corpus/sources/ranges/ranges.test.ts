// All ranges of a file together give what the file gives: the same documents in the same order, the same account, the same error.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { UserError } from "../../../base/errors.ts";
import { startFunnel } from "../../funnel.ts";
import { separators } from "../formats/separators.ts";
import type { ReadOptions } from "../read-options.ts";
import { readShard } from "../read-shard.ts";
import type { Shard } from "../shard.ts";
import { listShards } from "../sources.ts";
import { cutShard } from "./cut-shard.ts";
import { LineCounter } from "./line-counter.ts";

const folder = mkdtempSync(join(tmpdir(), "cramming-ranges-"));
after(() => rmSync(folder, { recursive: true }));

async function list(name: string, content: string | Uint8Array, named = true): Promise<Shard> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const [shard] = await listShards([path]);
  return { ...shard!, named };
}

/** What comes of shards that are read one after another; of one that ends in an error no documents, because they come in batches. */
async function read(shards: readonly Shard[], options: ReadOptions, longestBytes?: number) {
  const funnel = startFunnel();
  let bytes = 0;
  const told = { ...options, onBytes: (count: number) => void (bytes += count), lineCounter: new LineCounter() };
  const perShard: string[][] = [];
  try {
    for (const shard of shards) {
      const texts: string[] = [];
      perShard.push(texts);
      for await (const { documents } of readShard(shard, told, funnel, 0, longestBytes)) {
        for (const { text, source } of documents) {
          assert.equal(source, shard.path);
          texts.push(text);
        }
      }
    }
    return { perShard, texts: perShard.flat(), passedOver: funnel.passedOver, bytes };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Of the four bytes that are shown of what is not UTF-8 the last may be those of the next range.
    const message = error.message.replace(/ \((?:[0-9a-f]{2} ?){1,4}\)$/, "");
    return { perShard, error: [error.code, message, error.advice] };
  }
}

async function compare(shard: Shard, bytesPerRange: number, options: ReadOptions, longestBytes?: number) {
  const ranges = cutShard(shard, bytesPerRange);
  const { perShard: _, ...whole } = await read([shard], options, longestBytes);
  const { perShard, ...parts } = await read(ranges, options, longestBytes);
  assert.deepEqual(parts, whole);
  return { ...whole, ranges, perShard };
}

const text = fc.string({ unit: fc.constantFrom("a", "é", "😀", "\u2028", "\ufeff", " ", '"', "\\", "x".repeat(30)) });
const json = text.map(text => Buffer.from(JSON.stringify({ text })));
const blank = fc.constantFrom("", " ", "\t ", "\r", "\r ").map(line => Buffer.from(line));
const rarely = fc.constantFrom<string | Uint8Array>('{"text":', '{"x":1}', Buffer.from("\xff\xfea\0", "latin1"), "é");
const cut = rarely.map(bytes => Buffer.from(bytes as string).subarray(0, -1));
const fileOf = (line: fc.Arbitrary<Buffer>) =>
  fc
    .record({
      lines: fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n")), { maxLength: 12 }),
      last: line,
      mark: fc.constantFrom("", "", "\ufeff"),
    })
    .map(({ lines, last, mark }) =>
      Buffer.concat([Buffer.from(mark), ...lines.flatMap(([bytes, end]) => [bytes, Buffer.from(end)]), last]),
    );
const seldom = fc.constantFrom(false, false, false, true);
const bytesPerRange = fc.integer({ min: 1, max: 60 });

test("lines of JSON, with blank and broken ones, in ranges of any size", async () => {
  const line = fc.oneof({ weight: 8, arbitrary: json }, { weight: 3, arbitrary: blank }, { weight: 1, arbitrary: cut });
  let [errors, skipped] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fileOf(line),
      bytesPerRange,
      fc.record({ skipBroken: fc.boolean(), named: fc.boolean(), longest: fc.constantFrom(undefined, 40) }),
      fc.constantFrom("a.jsonl", "unknown"),
      async (content, size, { skipBroken, named, longest }, name) => {
        const seen = await compare(
          await list(name, content, named),
          size,
          { textField: "text", skipBroken, ...(name === "unknown" && { format: "jsonl" as const }) },
          longest,
        );
        if ("error" in seen) errors++;
        else if (seen.passedOver.length > 0) skipped++;
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(errors > 10 && skipped > 10, `${errors} ${skipped}`);
});

test("lines and paragraphs of text, in ranges of any size", async () => {
  const words = text.map(text => Buffer.from(text));
  const line = fc.oneof(
    { weight: 20, arbitrary: words },
    { weight: 15, arbitrary: blank },
    { weight: 1, arbitrary: fc.constantFrom(Buffer.from("\xff\xfe", "latin1"), Buffer.from([0xc3])) },
  );
  let [errors, cuts] = [0, 0];
  await fc.assert(
    fc.asyncProperty(
      fileOf(line),
      bytesPerRange,
      fc.record({ skipBroken: seldom, named: fc.boolean(), strict: fc.boolean() }),
      fc.constantFrom(...Object.values(separators), separators["blank-line"], /a/),
      async (content, size, { named, ...options }, separator) => {
        const shard = await list("a.txt", content, named);
        const seen = await compare(shard, size, { textField: "text", separator, ...options });
        if ("error" in seen) errors++;
        else if (seen.perShard.filter(({ length }) => length > 0).length > 1) cuts++;
      },
    ),
    { numRuns: 250 },
  );
  assert.ok(errors > 8 && cuts > 12, `${errors} ${cuts}`);
});

test("each range has its share, a document belongs to where it begins, and one may be longer than a range", async () => {
  const lines = Array.from({ length: 100 }, (_, i) => JSON.stringify({ text: `${i}`.padStart(8, "0") }));
  const even = await compare(await list("even.jsonl", `${lines.join("\n")}\n`), 200, { textField: "text" });
  assert.deepEqual(
    even.perShard.map(({ length }) => length),
    Array.from({ length: 10 }, () => 10),
  );
  const [first, , last] = cutShard(await list("three.jsonl", "x".repeat(301)), 100);
  assert.deepEqual(first!.range, { from: 0, to: 100 });
  assert.deepEqual([last!.range, last!.bytes], [{ from: 200, to: Number.POSITIVE_INFINITY }, 101]);
  const long = await compare(await list("long.txt", `one\n\n${"two\n".repeat(200)}\nthree\n\nfour`), 100, {
    textField: "text",
    separator: separators["blank-line"],
  });
  assert.deepEqual(
    long.perShard.map(texts => texts.map(text => text.slice(0, 5))),
    [["one", "two\nt"], [], [], [], [], [], [], ["three", "four"]],
  );
});

test("an error far behind is named with its line and byte, whatever range it is in", async () => {
  const lines = Array.from({ length: 3000 }, (_, i) => `{"text":"é ${i}"}`);
  const broken = (at: number, line: string | Buffer) =>
    Buffer.concat(lines.map((own, i) => Buffer.concat([Buffer.from(i === at ? line : own), Buffer.from("\n")])));
  const options = { textField: "text" };
  const json = await compare(await list("json.jsonl", broken(2500, "{")), 5000, options);
  assert.ok("error" in json && json.error[1]!.includes("json.jsonl:2501:"), JSON.stringify(json));
  const field = await compare(await list("field.jsonl", broken(1999, '{"x":1}')), 5000, options);
  assert.ok("error" in field && field.error[1]!.includes("field.jsonl:2000:"));
  const marked = Buffer.concat([Buffer.from("\ufeff"), broken(2000, Buffer.from("{\xff", "latin1"))]);
  const utf8 = await compare(await list("utf8.jsonl", marked), 5000, options);
  const before = Buffer.byteLength(lines.slice(0, 2000).join("\n")) + 1;
  assert.ok("error" in utf8 && utf8.error[1]!.includes(`utf8.jsonl:2001: not UTF-8 at byte ${before + 1} of`));
  const separator = separators.line;
  for (const [code, bad] of [
    ["E_UTF8", Buffer.from("a\xff", "latin1")],
    ["E_BINARY", Buffer.from("a\0")],
  ] as const) {
    const found = await compare(await list("bad.txt", broken(2000, bad)), 5000, {
      ...options,
      separator,
      format: "text",
    });
    assert.ok("error" in found && found.error[0] === code && found.error[1]!.includes("bad.txt:2001:"), code);
  }
});

test("what cannot be cut is read whole, once", async () => {
  const lines = '{"text":"one"}\n{"text":"two"}\n{"text":"three"}\n';
  const utf16 = Buffer.from(`\ufeff${lines}`, "utf16le");
  const png = Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489", "hex");
  for (const [name, content, named] of [
    ["utf16.jsonl", utf16, true],
    ["binary.jsonl", png, true],
    ["met.jsonl", png, false],
    ["packed-unknown", gzipSync(lines), true],
    ["text.txt", "one\ntwo\nthree\n", true],
    ["lines.txt", lines, true],
    ["lines.txt", lines, false],
    ["page", "<!doctype html><body><p>one<p>two", true],
    ["unknown", lines, true],
  ] as const) {
    await compare(await list(name, content, named), 4, { textField: "text" });
  }
  const where = { choice: { where: { kind: ["a"] } } };
  const rows = '{"kind":"a","text":"1"}\n{"kind":"b","text":"2"}\n'.repeat(20);
  const chosen = await compare({ ...(await list("where.jsonl", rows)), ...where }, 30, { textField: "text" });
  assert.ok(!("error" in chosen) && chosen.texts.length === 20 && chosen.passedOver[0]!.count === 20);
  await compare({ ...(await list("where.txt", "a\nb")), ...where }, 1, { textField: "text", separator: /\r?\n/ });
  for (const whole of [
    await list("packed.jsonl.gz", gzipSync(lines)),
    await list("rows.csv", "text\n1\n2\n"),
    { ...(await list("join.jsonl", lines)), choice: { join: 2 } },
    await list("short.jsonl", lines.slice(0, 15)),
  ]) {
    assert.deepEqual(cutShard(whole, 8), [whole]);
  }
});

test("lines before places are counted in whatever order these are asked for", () => {
  const [one, other] = ["one.txt", "other.txt"].map(name => join(folder, name));
  const contents = { [one!]: "a\nbb\n\nc", [other!]: "\n\n\n" };
  for (const [path, content] of Object.entries(contents)) writeFileSync(path, content);
  const counter = new LineCounter();
  for (const [path, place] of [
    [one, 2],
    [one, 5],
    [one, 6],
    [other, 3],
    [one, 3],
    [one, 0],
    [other, 1],
  ] as const) {
    assert.equal(counter.countBefore(path!, place), contents[path!]!.slice(0, place).split("\n").length - 1);
  }
});
