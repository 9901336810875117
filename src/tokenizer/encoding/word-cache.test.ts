// A word that was met is found with its own ids and no other's, whatever hashes are equal and however often all is forgotten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mostIds, WordCache } from "./word-cache.ts";

const padding = 8;

/** A cache that is asked by texts; `hashOf` gives the hash of a text's bytes. */
function openCache(slots: number, hashOf: (text: string) => number) {
  const cache = new WordCache(slots);
  const place = (text: string) => {
    const bytes = Buffer.from(`${text}${"?".repeat(padding)}`);
    return [new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length - padding] as const;
  };
  return {
    add: (text: string, ids: readonly number[]) => {
      cache.add(...place(text), hashOf(text), Uint32Array.of(99, ...ids), 1, 1 + ids.length);
    },
    read: (text: string) => {
      const list = new Uint32Array(mostIds + 1);
      const to = cache.read(...place(text), hashOf(text), list, 1);
      return to < 0 ? undefined : [...list.subarray(1, to)];
    },
    clear: () => cache.clear(),
  };
}

const idsOf = (text: string) => Array.from(text, (_, i) => 7 * i + text.length);

test("words of one hash are told apart by their bytes and lengths", () => {
  const { add, read } = openCache(16, () => -5);
  const words = ["a", "abcdefgh", "ab", "abcd", "abce", "abcde", "ü", "b"];
  for (const word of words) {
    assert.equal(read(word), undefined);
    add(word, idsOf(word));
  }
  for (const word of words) assert.deepEqual(read(word), idsOf(word));
  assert.equal(read("abc"), undefined);
});

test("what was added last is found, and what was forgotten is not, nor taken for another", () => {
  for (const hashOf of [(text: string) => Math.imul(Number(text), 0x9e3779b1), (text: string) => Number(text) << 24]) {
    const { add, read, clear } = openCache(64, hashOf);
    let known = 0;
    for (let n = 0; n < 1000; n++) {
      const word = String(n);
      add(word, idsOf(word).concat(n));
      assert.deepEqual(read(word), idsOf(word).concat(n));
      for (const other of [0, n - 1, n - 20].map(String)) {
        const found = read(other);
        if (found !== undefined) assert.deepEqual(found, idsOf(other).concat(Number(other)));
        if (found !== undefined) known++;
      }
    }
    assert.ok(known > 1000 && known < 3000, `${known}`);
    clear();
    for (let n = 0; n < 1000; n++) assert.equal(read(String(n)), undefined);
  }
});

test("the longest words are not kept, and what fills the table sooner than their number is forgotten as well", () => {
  const { add, read } = openCache(64, text => text.length);
  const long = "x".repeat(256);
  add(long, [1]);
  add(
    "y",
    Array.from({ length: 70 }, (_, i) => i),
  );
  assert.deepEqual([read(long), read("y")], [undefined, undefined]);
  for (let length = 100; length < 140; length++) {
    const word = "z".repeat(length);
    add(word, [length]);
    assert.deepEqual(read(word), [length]);
  }
});

test("tables grow as far as they may, and then hold three words of four slots", () => {
  const hashOf = (text: string) => Math.imul(Number(text), 0x9e3779b1);
  const { add, read } = openCache(1 << 15, hashOf);
  const words = Array.from({ length: 24_000 }, (_, n) => String(n));
  const count = () => words.filter(word => read(word)?.[0] === Number(word)).length;
  for (const word of words) add(word, [Number(word)]);
  // What was there when they grew is forgotten, once.
  for (const word of words) if (read(word) === undefined) add(word, [Number(word)]);
  assert.equal(count(), words.length);
});
