import assert from "node:assert/strict";
import { test } from "node:test";
import { openReference } from "../../backends/reference/reference.ts";
import { listParameters } from "../../model/parameters.ts";
import { completeShape } from "../../model/shape.ts";
import { countBytes, cutPassages, type Passage } from "./masked-words.ts";
import { type BitsModel, scoreBits } from "./score-bits.ts";
import { openWordCode } from "./word-code.ts";

const specials = { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 };
const lexicon = ["the", "old", "boat", "sleeps", "near", "a", "river", "wall", "by"];

/** Ids of a word, and text of ids; every parameter 0, so that every token has the same probability. */
function makeUniform(
  vocabulary: number,
  sequenceLength: number,
  idsOf: (word: string) => number[],
  textOf: (id: number) => string,
): BitsModel {
  const shape = completeShape({
    width: 8,
    layers: 1,
    heads: 1,
    feedForward: 16,
    vocabulary,
    sequenceLength,
    positions: "rotary",
  });
  return {
    shape,
    parameters: listParameters(shape).map(({ name, shape: size }) => ({
      name,
      shape: size,
      read: () => new Float32Array(size.reduce((a, b) => a * b, 1)),
    })),
    specials,
    encodeText: text => text.split(" ").filter(Boolean).flatMap(idsOf),
    decode: ids => ids.map(textOf).join(" "),
  };
}
const ofWords = makeUniform(
  16,
  52,
  word => [7 + lexicon.indexOf(word)],
  id => lexicon[id - 7] ?? "<unk>",
);
const ofLetters = makeUniform(
  40,
  400,
  word => [...word].map(letter => 8 + (letter.charCodeAt(0) % 32)),
  id => String.fromCharCode(id + 88),
);

const text = Array.from({ length: 200 }, (_, i) => lexicon[(7 * i + (i >> 2)) % lexicon.length]).join(" ");
const passages = cutPassages([text], 3);

/** Krichevsky and Trofimov's bits of whole counts, in closed form: products of halves over products of what all have together. */
function bitsOfCounts(counts: readonly number[]): number {
  const rise = (from: number, times: number) =>
    Array.from({ length: times }, (_, i) => Math.log2(from + i)).reduce((a, b) => a + b, 0);
  const all = counts.reduce((a, b) => a + b, 0);
  return rise(16, all) - counts.reduce((sum, count) => sum + rise(0.5, count), 0);
}

test("of a uniform model every token costs log2 of its vocabulary, whatever the tokenizer", async () => {
  const words = passages.flatMap(({ words: all, masked }) => masked.map(place => all[place]!));
  const bytes = passages.reduce((sum, each) => sum + countBytes(each), 0);
  assert.equal(bytes, words.join(" ").length + 1);
  const lengths = words.map(({ length }) => length);
  const countsOf = (of: (length: number) => number) =>
    Array.from({ length: 32 }, (_, count) => lengths.filter(length => of(length) === count).length);
  for (const [model, tokensOf] of [
    [ofWords, () => 1],
    [ofLetters, (length: number) => length],
  ] as const) {
    const score = await scoreBits(openReference(), model, passages, { opening: specials.separator });
    const tokens = lengths.reduce((sum, length) => sum + tokensOf(length), 0);
    const expected = tokens * Math.log2(model.shape.vocabulary) + bitsOfCounts(countsOf(tokensOf));
    assert.ok(
      Math.abs(score.bitsPerByte - expected / bytes) < 1e-6,
      `${score.bitsPerByte}, expected ${expected / bytes}`,
    );
    assert.deepEqual([score.tokens, score.words, score.speltWords, score.bytes], [tokens, 21, 0, bytes]);
  }
});

test("a word that is lost or does not fit is spelt out, and never cheaper than its letters", async () => {
  const forgetful = { ...ofWords, decode: (ids: readonly number[]) => ofWords.decode(ids).replace("boat", "bot") };
  const [kept, lost] = await Promise.all(
    [ofWords, forgetful].map(model => scoreBits(openReference(), model, passages, { opening: 5 })),
  );
  const boats = passages.flatMap(({ words, masked }) => masked.filter(place => words[place] === "boat")).length;
  assert.ok(boats > 0);
  assert.equal(lost!.speltWords, boats);
  // 8 · 5 bits in the place of log2(16), before what is known of counts.
  assert.ok((lost!.bitsPerByte - kept!.bitsPerByte) * kept!.bytes > boats * (40 - 4));
  const short = makeUniform(
    16,
    30,
    word => [7 + lexicon.indexOf(word)],
    id => lexicon[id - 7]!,
  );
  const cut = await scoreBits(openReference(), short, passages, { opening: 5 });
  assert.equal(cut.speltWords, passages.flatMap(({ masked }) => masked.filter(place => place + 2 > 29)).length);
  const code = openWordCode();
  assert.ok(Math.abs(code.add(new Array(40).fill(-1), 40) - (5 + 8 * 41)) < 1e-9);
});

test("passages are the same for everybody: lower case ASCII, seven words of 48, nothing over the end of a document", () => {
  const [first] = cutPassages([`Café “NAÏVE”\n\tÅngström 北京 ${"x ".repeat(60)}`], 9);
  assert.deepEqual(first!.words.slice(0, 4), ["cafe", "naive", "angstrom", "x"]);
  assert.equal(cutPassages([`${"a ".repeat(47)}`, `${"b ".repeat(47)}`], 9).length, 0);
  const many = cutPassages([`${"w ".repeat(48 * 40)}`], 30);
  assert.equal(many.length, 30);
  for (const { masked } of many as Passage[]) assert.equal(new Set(masked).size, 7);
  assert.ok(new Set(many.map(({ masked }) => masked.join())).size > 25);
});
