import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileNormaliser } from "../normalising/normalise.ts";
import { type Normaliser, normalisers } from "../normalising/normaliser.ts";
import { allocateSpans, prepareText, preTokenizerNames, preTokenizerOf, splitWords } from "./pre-tokenizer.ts";
import { cutsAtSpaces, RawWords } from "./raw-words.ts";
import { hashBytes, TextBytes } from "./text-bytes.ts";

const replaceText = (pattern: string, by: string): Normaliser => [{ step: "replace", pattern, regex: false, by }];
const replaceMatches = (pattern: string, by: string): Normaliser => [{ step: "replace", pattern, regex: true, by }];

const uncut: readonly (readonly [what: string, Normaliser])[] = [
  ["white space becomes a letter", replaceText(" ", "一")],
  ["white space is deleted", replaceMatches("[ \\x0A]+", "")],
  ["a text with a space", replaceText("a b", "c")],
  ["a class of spaces and letters", replaceMatches("[ a]{2,}", " ")],
];

test("text is cut unless a step reaches over white space", () => {
  for (const name of preTokenizerNames) {
    const preTokenizer = preTokenizerOf(name);
    for (const normaliser of Object.values(normalisers)) assert.ok(cutsAtSpaces(normaliser, preTokenizer));
    for (const [what, normaliser] of uncut) assert.ok(!cutsAtSpaces(normaliser, preTokenizer), what);
  }
  const deleted = replaceText("!", "");
  assert.ok(cutsAtSpaces(deleted, preTokenizerOf("bert")));
  assert.ok(!cutsAtSpaces(deleted, preTokenizerOf("byte-level"))); // "a ! b" leaves two spaces together
});

test("the words of raw words are those of the text", () => {
  const characters = [
    ..."ab.'é\u0301İ 字ア☃\u200b\u00ad\ufeff  \n\r\t\v\f\u0085\u00a0\u3000▁!0\0",
    "''",
    "``",
    "😀",
    "\ud83d",
  ];
  const texts = fc.array(fc.constantFrom(...characters), { maxLength: 14 }).map(some => some.join(""));
  const spans = allocateSpans();
  const prepared = new TextBytes();
  for (const name of preTokenizerNames) {
    const preTokenizer = preTokenizerOf(name);
    for (const normaliser of Object.values(normalisers)) {
      const normalise = compileNormaliser(normaliser);
      const rawWords = new RawWords(normaliser, preTokenizer);
      const split = (text: string, isFirst: boolean) => {
        prepared.read(prepareText(preTokenizer, normalise(text), isFirst, isFirst));
        splitWords(name, prepared, spans);
        return Array.from({ length: spans.count }, (_, i) =>
          prepared.slice(spans.bounds[2 * i]!, spans.bounds[2 * i + 1]!),
        );
      };
      fc.assert(
        fc.property(texts, text => {
          const words: string[] = [];
          rawWords.text.read(text);
          for (let at = rawWords.find(0); rawWords.count > 0; at = rawWords.find(at)) {
            for (let word = 0; word < rawWords.count; word++) {
              const [begin, end] = [rawWords.begins[word]!, rawWords.ends[word]!];
              const raw = rawWords.text.slice(begin, end);
              words.push(...split(raw, begin === 0));
              assert.equal(rawWords.hashes[word], hashBytes(rawWords.text.view, begin, end));
              if (rawWords.areVisible[word] === 1) assert.match(raw, /^[!-~]+$/);
            }
          }
          assert.deepEqual(words, split(text, true));
        }),
        { numRuns: 150 },
      );
    }
  }
});
