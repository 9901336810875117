import assert from "node:assert/strict";
import { test } from "node:test";
import { normalisers } from "../normalising/normaliser.ts";
import { WordCounter } from "./count-words.ts";

test("counts words over texts, in the order of their first occurrence", () => {
  const counter = new WordCounter(normalisers["ascii-fold"], "whitespace");
  counter.addText("The cat’s hat... the CAT!");
  counter.addText("");
  counter.addText("Café — the end...");
  assert.deepEqual(counter.wordCounts(), [
    ["the", 3],
    ["cat", 2],
    ["'", 1],
    ["s", 1],
    ["hat", 1],
    ["...", 2],
    ["!", 1],
    ["cafe", 1],
    ["-", 1],
    ["end", 1],
  ]);
});

test("words are those of the pre-tokenizer", () => {
  const counter = new WordCounter(normalisers.bert, "bert");
  counter.addText("ok... 日本");
  assert.deepEqual(counter.wordCounts(), [
    ["ok", 1],
    [".", 3],
    ["日", 1],
    ["本", 1],
  ]);
});

test("counts more distinct words than the table begins with", () => {
  const counter = new WordCounter([], "whitespace");
  const words = Array.from({ length: 70_000 }, (_, i) => `w${i}`);
  counter.addText(words.join(" "));
  counter.addText(words.slice(35_000).join(" "));
  const counts = counter.wordCounts();
  assert.equal(counts.length, 70_000);
  assert.deepEqual(counts[34_999], ["w34999", 1]);
  assert.deepEqual(counts[69_999], ["w69999", 2]);
});

test("words that were counted before many others came are the same words behind them", () => {
  const counter = new WordCounter([], "whitespace");
  // One more than wait to be normalised, so those of the first text are handed on before the second one comes.
  const words = Array.from({ length: 2 ** 19 + 1 }, (_, i) => i.toString(36));
  counter.addText(words.join(" "));
  counter.addText(`${words.slice(0, 1000).reverse().join(" ")} last`);
  const counts = counter.wordCounts();
  assert.equal(counts.length, words.length + 1);
  assert.ok(counts.every(([word, count], i) => word === (words[i] ?? "last") && count === (i < 1000 ? 2 : 1)));
});
