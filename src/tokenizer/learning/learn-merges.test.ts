import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../base/errors.ts";
import type { WordCount } from "./count-words.ts";
import { learnMerges, type MergeOptions } from "./learn-merges.ts";
import { MergeQueue } from "./merge-queue.ts";

// Sennrich et al. 2016, figure 1: low 5, lower 2, newest 6, widest 3.
const words = [
  ["low", 5],
  ["lower", 2],
  ["newest", 6],
  ["widest", 3],
] as const;
/** WordPiece's vocabulary. */
const learnVocabulary = (wordCounts: readonly WordCount[], options: MergeOptions) =>
  learnMerges(wordCounts, { continuation: "##", longestWord: 100, ...options }).vocabulary;

const letters = [..."deilnorstw"];
const continuing = ["##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w"];

test("the alphabet comes first, then merges by frequency, equal ones by the smaller ids", () => {
  // By hand: ##e ##s 9, ##es ##t 9, l ##o 7, lo ##w 7; then of those with 6, n ##e has the smallest left id.
  const vocabulary = learnVocabulary(words, { vocabularySize: 24, specialTokens: ["<pad>"] });
  assert.deepEqual(vocabulary, ["<pad>", ...letters, ...continuing, "##es", "##est", "lo", "low", "ne"]);
});

test("a corpus that runs out of pairs gives a shorter vocabulary, in which every word is whole", () => {
  const progress: number[] = [];
  const onProgress = (tokens: number) => progress.push(tokens);
  const vocabulary = learnVocabulary(words, { vocabularySize: 1000, specialTokens: [], onProgress });
  assert.ok(vocabulary.length < 40);
  assert.equal(new Set(vocabulary).size, vocabulary.length);
  for (const [word] of words) assert.ok(vocabulary.includes(word), word);
  assert.deepEqual(progress, [vocabulary.length]);
});

test("pairs below the minimum count are not merged", () => {
  const vocabulary = learnVocabulary(words, { vocabularySize: 1000, specialTokens: [], minimumCount: 7 });
  assert.deepEqual(vocabulary, [...letters, ...continuing, "##es", "##est", "lo", "low"]);
});

test("the order of the words changes nothing", () => {
  const many = Array.from({ length: 500 }, (_, i) => [(i * 2654435761).toString(36), 1 + (i % 5)] as const);
  const options = { vocabularySize: 300, specialTokens: ["<s>"] };
  assert.deepEqual(learnVocabulary(many.toReversed(), options), learnVocabulary(many, options));
});

test("a pair that overlaps itself is merged from the left", () => {
  const vocabulary = learnVocabulary([["aaaaa", 3]], { vocabularySize: 4, specialTokens: [] });
  assert.deepEqual(vocabulary, ["a", "##a", "##aa", "aaa"]); // a ##aa ##aa, so a ##aa occurs as often as ##aa ##aa
});

test("a pair of a token that is made in two ways is joined wherever a word has it", () => {
  // "##c" continues a word as a letter, and is what begins this one. By Hugging Face's WordPieceTrainer, letters in our order.
  const vocabulary = learnVocabulary([["##c##cbc#", 2]], { vocabularySize: 33, specialTokens: [] });
  const pieces = ["###c", "##c#", "##bc#", "###cbc#", "##c##cbc#"];
  assert.deepEqual(vocabulary, ["#", "b", "c", "###", "##b", "##c", ...pieces]);
});

test("characters of two units are one letter; no words, no pieces", () => {
  const vocabulary = learnVocabulary([["𝒶𝒷", 2]], { vocabularySize: 10, specialTokens: [] });
  assert.deepEqual(vocabulary, ["𝒶", "𝒷", "##𝒷", "𝒶𝒷"]);
  assert.deepEqual(learnVocabulary([], { vocabularySize: 10, specialTokens: ["<s>"] }), ["<s>"]);
});

test("an alphabet larger than the vocabulary is refused", () => {
  const learn = () => learnVocabulary(words, { vocabularySize: 18, specialTokens: ["<pad>"] });
  assert.throws(learn, (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.code, "E_VOCABULARY_SIZE");
    assert.match(error.message, /18 .* 19/);
    return true;
  });
  assert.equal(learnVocabulary(words, { vocabularySize: 19, specialTokens: ["<pad>"] }).length, 19);
});

test("of thousands of rare characters the commonest have room, whatever the order of the words", () => {
  const rare = Array.from({ length: 5000 }, (_, i) => [String.fromCodePoint(0x4e00 + i), 1] as const);
  const vocabulary = learnVocabulary([...rare, ...words], { vocabularySize: 2048, specialTokens: [] });
  assert.ok(letters.every(letter => vocabulary.includes(letter)));
  assert.equal(vocabulary.filter(token => /\p{Script=Han}/u.test(token)).length, 1000 - letters.length);
  assert.deepEqual(
    learnVocabulary([...words, ...rare.toReversed()], { vocabularySize: 2048, specialTokens: [] }),
    vocabulary,
  );
});

test("a word that no tokenizer will know takes no part", () => {
  const base64 = "QUJD".repeat(5000);
  const options = { vocabularySize: 60, specialTokens: [] };
  const vocabulary = learnVocabulary(words, options);
  assert.deepEqual(learnVocabulary([[base64, 7], ["𝒶".repeat(101), 9], ...words], options), vocabulary);
  assert.ok(learnVocabulary([["𝒶".repeat(100), 9]], options).includes("𝒶".repeat(100)));
});

test("the queue gives the most frequent pair first, of equals the one with the smaller ids", () => {
  const queue = new MergeQueue();
  const merges = Array.from({ length: 400 }, (_, i) => ({
    count: (i * 37) % 11,
    left: (i * 53) % 17,
    right: (i * 71) % 400,
    places: [],
  }));
  for (const merge of merges) queue.push(merge);
  const expected = merges.toSorted((a, b) => b.count - a.count || a.left - b.left || a.right - b.right);
  for (const merge of expected) assert.deepEqual(queue.pop(), merge);
  assert.equal(queue.pop(), undefined);
});
