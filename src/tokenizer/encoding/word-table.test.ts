import assert from "node:assert/strict";
import { test } from "node:test";
import { hashUnits, WordTable } from "./word-table.ts";

const unitsOf = (text: string) => Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
/** A table that is asked with texts. */
function openTable() {
  const table = new WordTable();
  const ask = (call: "find" | "add", text: string, begin = 0, end = text.length): number => {
    const units = unitsOf(text);
    return table[call](units, begin, end, hashUnits(units, begin, end));
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
  const find = (word: string) => words.find(`<${word}>`, 1, 1 + word.length);
  for (let i = 0; i < 120_000; i++) {
    const word = `${((i % 90_000) * 7919).toString(36)}${"é字"[i % 2]}`;
    const number = find(word);
    assert.equal(number, expected.get(word) ?? -1);
    if (number >= 0) continue;
    assert.equal(words.add(`-${word}-`, 1, 1 + word.length), expected.size);
    expected.set(word, expected.size);
  }
  assert.equal(table.count, expected.size);
  for (const [word, number] of expected) assert.equal(table.word(number), word);
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
  const { find, add } = openTable();
  const words = ["costarring", "liquid", "declinate", "macallums", "altarage", "zinke"]; // known collisions of FNV-1a
  for (const [number, word] of words.entries()) {
    assert.equal(find(word), -1);
    assert.equal(add(word), number);
  }
  for (const [number, word] of words.entries()) assert.equal(find(word), number);
});
