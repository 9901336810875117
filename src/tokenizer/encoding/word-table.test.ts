import assert from "node:assert/strict";
import { test } from "node:test";
import { WordTable } from "./word-table.ts";

test("numbers words in the order they come, through growth, as a Map does", () => {
  const table = new WordTable();
  const expected = new Map<string, number>();
  const find = (word: string) => table.find(`<${word}>`, 1, 1 + word.length);
  for (let i = 0; i < 120_000; i++) {
    const word = `${((i % 90_000) * 7919).toString(36)}${"é字"[i % 2]}`;
    const number = find(word);
    assert.equal(number, expected.get(word) ?? -1);
    if (number >= 0) continue;
    assert.equal(table.add(`-${word}-`, 1, 1 + word.length), expected.size);
    expected.set(word, expected.size);
  }
  assert.equal(table.count, expected.size);
  for (const [word, number] of expected) assert.equal(table.word(number), word);
});

test("words that begin alike, the empty word and one of a million letters are told apart", () => {
  const table = new WordTable();
  const words = ["a", "ab", "abc", "", "b", "x".repeat(1_000_000), "x".repeat(999_999)];
  for (const word of words) table.add(word, 0, word.length);
  assert.deepEqual(
    words.map(word => table.find(word, 0, word.length)),
    [0, 1, 2, 3, 4, 5, 6],
  );
  assert.equal(table.find("abcd", 0, 4), -1);
  assert.equal(table.word(3), "");
  assert.equal(table.word(5), words[5]);
});

test("a cleared table knows nothing and numbers from 0", () => {
  const table = new WordTable();
  table.add("one two", 0, 3);
  table.add("one two", 4, 7);
  table.clear();
  assert.equal(table.count, 0);
  assert.equal(table.find("one", 0, 3), -1);
  assert.equal(table.add("two", 0, 3), 0);
  assert.equal(table.word(0), "two");
});

test("words with the same hash are told apart", () => {
  const table = new WordTable();
  const words = ["costarring", "liquid", "declinate", "macallums", "altarage", "zinke"]; // known collisions of FNV-1a
  for (const [number, word] of words.entries()) {
    assert.equal(table.find(word, 0, word.length), -1);
    assert.equal(table.add(word, 0, word.length), number);
  }
  for (const [number, word] of words.entries()) assert.equal(table.find(word, 0, word.length), number);
});
