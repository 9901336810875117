// Ideographs have no spaces between them. Behind what writes spaces into words they get none; behind what parts words at spaces each is a word.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomSequence, streams } from "../base/random.ts";
import { defineLearnedTokenizer, normaliserBefore } from "./define.ts";
import { encodeText } from "./encoding/encode.ts";
import { keepsSpaces, preTokenizerNames } from "./encoding/pre-tokenizer.ts";
import { findTokenizerKind, tokenizerKinds } from "./kinds/kinds.ts";
import { WordCounter } from "./learning/count-words.ts";
import { compileNormaliser } from "./normalising/normalise.ts";
import { decodeTokenizerJson } from "./read-tokenizer.ts";
import { specialTokens } from "./tokenizer.ts";
import { encodeTokenizerJson } from "./tokenizer-json.ts";

const read = { keep: "É中文。가 x", lowercase: "é中文。가 x", bert: "e中文。가 x" } as const;
const apart = { keep: "É 中  文 。가 x", lowercase: "é 中  文 。가 x", bert: "e 中  文 。가 x" } as const;

test("a normaliser before each pre-tokenizer", () => {
  for (const preTokenizer of preTokenizerNames) {
    for (const [name, expected] of Object.entries(keepsSpaces(preTokenizer) ? read : apart)) {
      const normalise = compileNormaliser(normaliserBefore(name as keyof typeof read, preTokenizer));
      assert.equal(normalise("É中文。가 x").normalize("NFC"), expected);
    }
  }
});

test("tokens of Chinese are of its characters, not of the spaces between them", () => {
  const random = new RandomSequence(3, streams.sampling, 0);
  const words = Array.from({ length: 200 }, () =>
    String.fromCharCode(...Array.from({ length: 2 }, () => 0x4e00 + random.below(300))),
  );
  const sentence = () => `${Array.from({ length: 12 }, () => words[random.below(random.below(200) + 1)]!).join("")}。`;
  const texts = Array.from({ length: 400 }, () => `${sentence()}${sentence()}\n${sentence()}`);
  for (const [kind, preTokenizer] of [
    ["unigram", "metaspace"],
    ["bpe", "metaspace"],
    ["bpe", "byte-level"],
  ] as const) {
    const normaliser = normaliserBefore("keep", preTokenizer);
    const counter = new WordCounter(normaliser, preTokenizer);
    for (const text of texts) counter.addText(text);
    const options = { vocabularySize: 900, specialTokens, preTokenizer };
    const { vocabulary, model } = findTokenizerKind(kind).learn(counter.wordCounts(), options);
    const tokenizer = defineLearnedTokenizer(vocabulary, normaliser, preTokenizer, model);
    for (const text of texts.slice(0, 20)) {
      const tokens = Array.from(encodeText(tokenizer, text), id => vocabulary[id]!);
      assert.ok(tokens.filter(token => token === "▁" || token === "Ġ").length <= 1, `${kind}: ${tokens.join(" ")}`);
      // Words of two characters that occur again and again are tokens.
      assert.ok(tokens.length < 0.8 * text.length, `${kind}: ${tokens.length} tokens of ${text.length} characters`);
    }
  }
});

test("a text that writes the names of special tokens, as HTML does, teaches no kind such a token", () => {
  const text = specialTokens.map(token => `an ${token}old${token} word ${token} ${token.repeat(2)} `).join("");
  for (const { name, learn, preTokenizers } of tokenizerKinds) {
    for (const preTokenizer of preTokenizers) {
      const counter = new WordCounter(normaliserBefore("keep", preTokenizer), preTokenizer);
      for (let i = 0; i < 300; i++) counter.addText(text);
      // The bytes alone are 256.
      const vocabularySize = preTokenizer === "byte-level" ? 350 : 90;
      const options = { vocabularySize, specialTokens, preTokenizer };
      const { vocabulary, model } = learn(counter.wordCounts(), options);
      assert.equal(new Set(vocabulary).size, vocabulary.length, `${name}, ${preTokenizer}`);
      const tokenizer = defineLearnedTokenizer(vocabulary, normaliserBefore("keep", preTokenizer), preTokenizer, model);
      const again = decodeTokenizerJson(JSON.parse(encodeTokenizerJson(tokenizer)), "tokenizer.json");
      assert.equal(again.hash, tokenizer.hash);
      // Between letters that they never stood between.
      const ids = encodeText(tokenizer, specialTokens.map(token => `w${token}w`).join(""), "as-text");
      const found = specialTokens.filter((_, id) => id !== tokenizer.specials.unknown && ids.includes(id));
      assert.deepEqual(found, [], `${name}, ${preTokenizer}`);
    }
  }
});
