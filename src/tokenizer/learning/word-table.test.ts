import assert from "node:assert/strict";
import { test } from "node:test";
import { hashBytes, TextBytes } from "../encoding/text-bytes.ts";
import { WordTable } from "./word-table.ts";

/** A table that is asked with texts, or with places among their bytes. */
function openTable(hashOf = hashBytes) {
  const table = new WordTable();
  const bytes = new TextBytes();
  const ask = (call: "find" | "add", text: string, begin = 0, end?: number): number => {
    bytes.read(text);
    const last = end ?? bytes.length;
    return table[call](bytes.view, begin, last, hashOf(bytes.view, begin, last));
  };
  return {
    table,
    find: (text: string, begin?: number, end?: number) => ask("find", text, begin, end),
    add: (text: string, begin?: number, end?: number) => ask("add", text, begin, end),
  };
}

test("numbers words in the order they come, through growth, as a Map does", () => {
  const { table, ...words } = openTable();
  const expected = new Map<string, number>();
  const endOf = (word: string) => 1 + Buffer.byteLength(word);
  const find = (word: string) => words.find(`<${word}>`, 1, endOf(word));
  for (let i = 0; i < 120_000; i++) {
    const word = `${((i % 90_000) * 7919).toString(36)}${"é字"[i % 2]}`;
    const number = find(word);
    assert.equal(number, expected.get(word) ?? -1);
    if (number >= 0) continue;
    assert.equal(words.add(`-${word}-`, 1, endOf(word)), expected.size);
    expected.set(word, expected.size);
  }
  assert.equal(table.count, expected.size);
  const text = new TextBytes();
  for (const [word, number] of expected) {
    assert.equal(table.word(number), word);
    table.copyWord(number, text);
    assert.equal(text.slice(0, text.length), word);
  }
});

test("words that begin alike, the empty word and one of a million letters are told apart", () => {
  const { table, find, add } = openTable();
  const words = ["a", "ab", "abc", "", "b", "x".repeat(1_000_000), "x".repeat(999_999)];
  for (const word of words) add(word);
  assert.deepEqual(
    words.map(word => find(word)),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.equal(find("abcd"), -1);
  assert.equal(table.word(3), "");
  assert.equal(table.word(5), words[5]);
});

test("a cleared table knows nothing and numbers from 0", () => {
  const { table, find, add } = openTable();
  add("one two", 0, 3);
  add("one two", 4, 7);
  table.clear();
  assert.equal(table.count, 0);
  assert.equal(find("one"), -1);
  assert.equal(add("two"), 0);
  assert.equal(table.word(0), "two");
});

test("words with the same hash are told apart", () => {
  const { find, add } = openTable(() => 7);
  const words = ["a", "b", "ab", "abcd", "abce", "abcda", "abcdb", "é", "字"];
  for (const [number, word] of words.entries()) {
    assert.equal(find(word), -1);
    assert.equal(add(word), number);
  }
  for (const [number, word] of words.entries()) assert.equal(find(word), number);
});
