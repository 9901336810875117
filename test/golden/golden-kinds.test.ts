// Every kind of tokenizer behind every pre-tokenizer: the ids and the text of Hugging Face's native `tokenizers` from the file written
// here, which is read back as the same; and the vocabularies and merges of its trainers (scripts/make-kinds.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Tokenizer as NativeTokenizer } from "tokenizers";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { defineLearnedTokenizer, normaliserBefore } from "../../src/tokenizer/define.ts";
import { decodeTokens } from "../../src/tokenizer/encoding/decode.ts";
import { Encoder } from "../../src/tokenizer/encoding/encode.ts";
import { keepsSpaces, type PreTokenizerName } from "../../src/tokenizer/encoding/pre-tokenizer.ts";
import { findTokenizerKind, type TokenizerKindName, tokenizerKinds } from "../../src/tokenizer/kinds/kinds.ts";
import { WordCounter } from "../../src/tokenizer/learning/count-words.ts";
import { type Normaliser, type NormaliserName, normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { decodeTokenizerJson } from "../../src/tokenizer/read-tokenizer.ts";
import { specialTokens, type Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../../src/tokenizer/tokenizer-json.ts";
import { makeOddTexts, readInstalledProse } from "./odd-texts.ts";

const prose = readInstalledProse();
const oddTexts = makeOddTexts(prose).filter((_, i) => i % 9 === 0);
// A special token that normalising makes is one to the library's Unigram. Here it stays text.
const makesSpecial = /<(pad|s|\/s|unk|cls|sep|mask)>/i;
const specialPattern = new RegExp(specialTokens.join("|"), "g");
const lines = prose.slice(0, 150_000).split("\n");

function joinPieces(vocabulary: readonly string[]): string[] {
  const random = new RandomSequence(5, streams.sampling, 2);
  const pick = () => vocabulary[specialTokens.length + random.below(vocabulary.length - specialTokens.length)]!;
  return Array.from({ length: 400 }, () => Array.from({ length: 12 }, pick).join("")).concat("..", "...", ".....");
}

function learn(
  name: TokenizerKindName,
  preTokenizer: PreTokenizerName,
  normaliser: Normaliser,
  learned: readonly string[],
  vocabularySize: number,
): Tokenizer {
  const counter = new WordCounter(normaliser, preTokenizer);
  for (const text of learned) counter.addText(text);
  const options = { vocabularySize, specialTokens, preTokenizer };
  const { vocabulary, model } = findTokenizerKind(name).learn(counter.wordCounts(), options);
  return defineLearnedTokenizer(vocabulary, normaliser, preTokenizer, model);
}

for (const { name, preTokenizers } of tokenizerKinds) {
  for (const preTokenizer of preTokenizers) {
    if (name === "wordpiece") continue; // golden-tokenizer.test.ts has it
    const isOwn = (normaliser: NormaliserName) => [normaliser, normaliserBefore(normaliser, preTokenizer)] as const;
    const variants = keepsSpaces(preTokenizer)
      ? [isOwn("keep"), isOwn("bert"), isOwn("ascii-fold"), ["keep, ideographs apart", normalisers.keep] as const]
      : [isOwn("keep")];
    for (const [variant, normaliser] of variants) {
      test(`${name} behind ${preTokenizer}, ${variant}: the ids and the text of the native library`, async () => {
        const tokenizer = learn(name, preTokenizer, normaliser, lines, 1200);
        assert.equal(tokenizer.vocabulary.length, 1200);
        const json = encodeTokenizerJson(tokenizer);
        assert.deepEqual(decodeTokenizerJson(JSON.parse(json), "tokenizer.json"), tokenizer);
        const native = NativeTokenizer.fromString(json);
        // Pieces in a row are cut in several ways of one probability.
        const texts = [...oddTexts, ...joinPieces(tokenizer.vocabulary)];
        const expected = await native.encodeBatch(texts, { addSpecialTokens: false });
        const encoder = new Encoder(tokenizer);
        for (const round of ["first", "from the tables"]) {
          for (const [i, text] of texts.entries()) {
            if (name === "unigram" && makesSpecial.test(text.replaceAll(specialPattern, ""))) continue;
            const ids = [...encoder.encode(text, "recognise")];
            assert.deepEqual(ids, expected[i]!.getIds(), `${round}: ${JSON.stringify(text.slice(0, 300))}`);
          }
        }
        for (const [i, text] of texts.entries()) {
          if (i % 5 !== 0) continue;
          const ids = expected[i]!.getIds();
          assert.equal(decodeTokens(tokenizer, ids, "skip"), await native.decode(ids, true), JSON.stringify(text));
        }
      });
    }
  }
}

interface GoldenBpe {
  readonly size: number;
  readonly vocabulary: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}
interface Golden {
  readonly bpe: Readonly<Record<string, readonly GoldenBpe[]>>;
  readonly unigram: Readonly<Record<string, readonly { vocabulary: readonly string[]; scores: readonly number[] }[]>>;
  readonly wordlevel: readonly string[];
}
const readGolden = <T>(name: string) =>
  JSON.parse(readFileSync(new URL(`../../../test/golden/expected/${name}.json`, import.meta.url), "utf8")) as T;
const golden = readGolden<Golden>("kinds-learned");
const learnedTexts = readGolden<{ texts: string[] }>("tokenizer-learned").texts;
const nfc: Normaliser = [{ step: "nfc" }];

for (const preTokenizer of ["byte-level", "metaspace"] as const) {
  test(`bpe behind ${preTokenizer}: the vocabulary and the merges of Hugging Face's trainer`, () => {
    for (const { size, vocabulary, merges } of golden.bpe[preTokenizer]!) {
      const tokenizer = learn("bpe", preTokenizer, nfc, learnedTexts, size);
      assert.deepEqual(tokenizer.vocabulary, vocabulary);
      assert.ok(tokenizer.model.kind === "bpe");
      assert.deepEqual(
        tokenizer.model.merges.map(pair => pair.map(id => vocabulary[id])),
        merges,
      );
    }
  });
}

test("wordlevel: the vocabulary of Hugging Face's trainer", () => {
  const { length } = golden.wordlevel;
  assert.deepEqual(learn("wordlevel", "whitespace", nfc, learnedTexts, length).vocabulary, golden.wordlevel);
});

for (const preTokenizer of ["metaspace", "whitespace"] as const) {
  test(`unigram behind ${preTokenizer}: the pieces and the probabilities of Hugging Face's trainer`, () => {
    for (const { vocabulary, scores } of golden.unigram[preTokenizer]!) {
      const { model, ...learned } = learn("unigram", preTokenizer, nfc, learnedTexts, vocabulary.length);
      assert.ok(model.kind === "unigram");
      const got = new Map(learned.vocabulary.map((piece, id) => [piece, model.scores[id]!]));
      assert.deepEqual([...got.keys()].sort(), [...vocabulary].sort());
      for (const [id, piece] of vocabulary.entries()) {
        // Letters that learning dropped come back in the order of their hash table, each 0.0001 more probable.
        const tolerance = [...piece].length > 1 ? 2e-5 : 2e-3;
        assert.ok(
          Math.abs(got.get(piece)! - scores[id]!) < tolerance,
          `${piece}: ${got.get(piece)}, theirs ${scores[id]}`,
        );
      }
    }
  });
}
