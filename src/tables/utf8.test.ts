import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UserError } from "../base/errors.ts";
import { decodeUtf8, looksBinary, repairSurrogates } from "./utf8.ts";

const start = { path: "file", line: 1, byte: 0 };

/** Bytes, and `UnicodeDecodeError.start` of Python's decoder for them. */
const invalid: readonly (readonly [hex: string, start: number])[] = [
  ["61 62 63 0a 64 e9 66", 5],
  ["61 e2 62", 1],
  ["61 e2 82 78", 1],
  ["ff", 0],
  ["6f 6b c0 80", 2],
  ["6f 6b ed a0 80", 2],
  ["6f 6b f5 80 80 80", 2],
  ["6f 6b 80", 2],
  ["f0 80 80 80", 0],
  ["c3 a9 f0 9f 98", 2],
  ["f0 9f 98 80 e2 82", 4],
  ["f4 90 80 80", 0],
];
const fromHex = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

test("the first bad byte is where Python's decoder sees it", () => {
  for (const [hex, at] of invalid) {
    const seen = hex.split(" ").slice(at, at + 4);
    assert.throws(
      () => decodeUtf8(fromHex(hex), start),
      (error: UserError) =>
        error.code === "E_UTF8" && error.message.includes(`byte ${at} of its content (${seen.join(" ")})`),
      hex,
    );
  }
});

test("the place counts from the start of the file, in bytes and lines", () => {
  const bytes = Buffer.concat([Buffer.from("é\n😀\n"), Buffer.from([0x78, 0xe9]), Buffer.from("\n\n")]);
  assert.throws(
    () => decodeUtf8(bytes, { path: "file", line: 7, byte: 1000 }),
    /^UserError: file:9: not UTF-8 at byte 1009/,
  );
});

test("any text before and after a bad byte leaves its place", () => {
  const text = fc.string({ unit: "binary" });
  const bad = fc.constantFrom(...invalid).map(([hex, at]) => fromHex(hex).subarray(at));
  fc.assert(
    fc.property(text, bad, fc.string({ unit: "grapheme-ascii" }), (before, bytes, behind) => {
      const prefix = Buffer.from(before);
      assert.throws(
        () => decodeUtf8(Buffer.concat([prefix, bytes, Buffer.from(behind)]), start),
        new RegExp(`byte ${prefix.length} `),
      );
    }),
  );
});

test("UTF-8 comes as it is, without the mark at the start of a file", () => {
  assert.equal(decodeUtf8(fromHex("ef bb bf 61 ef bb bf"), start), "a\ufeff");
  assert.equal(decodeUtf8(fromHex("ef bb bf 61"), { ...start, line: 2, byte: 10 }), "\ufeffa");
  assert.equal(decodeUtf8(fromHex("f0 9f 98 80 0d 0a"), start), "😀\r\n");
  assert.equal(decodeUtf8(Buffer.alloc(0), start), "");
});

test("UTF-16 is told from other text that is not UTF-8", () => {
  const advice = (bytes: Buffer) => {
    try {
      return decodeUtf8(bytes, start);
    } catch (error) {
      return (error as UserError).advice;
    }
  };
  const utf16 = Buffer.from("\ufeffHello", "utf16le");
  assert.equal(looksBinary(utf16), false);
  assert.match(advice(utf16), /iconv -f UTF-16 /);
  assert.match(advice(Buffer.from("caf\u00e9", "latin1")), /iconv -f WINDOWS-1252 /);
});

test("a NUL near the beginning is binary", () => {
  assert.equal(looksBinary(Buffer.from("text\0")), true);
  assert.equal(looksBinary(Buffer.from("text, naïve 😀\n\t")), false);
  assert.equal(looksBinary(Buffer.concat([Buffer.alloc(8191, "x"), Buffer.alloc(1)])), true);
});

test("halves of pairs become U+FFFD, pairs stay", () => {
  assert.equal(repairSurrogates("a\ud83d b\ude00 \ud83d\ude00 \ude00\ud83d"), "a\ufffd b\ufffd 😀 \ufffd\ufffd");
});
