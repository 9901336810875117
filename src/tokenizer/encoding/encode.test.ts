import assert from "node:assert/strict";
import { test } from "node:test";
import { defineLearnedTokenizer, defineTokenizer } from "../define.ts";
import { normalisers } from "../normalising/normaliser.ts";
import { specialTokens } from "../tokenizer.ts";
import { decodeTokens } from "./decode.ts";
import { Encoder, encodeForModel, encodeText } from "./encode.ts";

// "unaffable" is the example of the WordPiece code of BERT.
const pieces = ["un", "##aff", "##able", "##a", "a", "##", "###", "unable", "<", ">", "##b", "mask"];
const tokenizer = defineLearnedTokenizer([...specialTokens, ...pieces], normalisers["ascii-fold"], "whitespace");
const id = (token: string) => tokenizer.vocabulary.indexOf(token);
const tokensOf = (text: string) => Array.from(encodeText(tokenizer, text), token => tokenizer.vocabulary[token]);

test("takes the longest piece first, and a word with no such pieces is unknown", () => {
  assert.deepEqual(tokensOf("unaffable"), ["un", "##aff", "##able"]);
  assert.deepEqual(tokensOf("Unable a unab"), ["unable", "a", "un", "##a", "##b"]);
  assert.deepEqual(tokensOf("unaffordable a unx"), ["<unk>", "a", "<unk>"]);
  assert.deepEqual(tokensOf(""), []);
  assert.deepEqual(tokensOf("é".repeat(3)), ["<unk>"]);
});

test("a word that begins with the mark of continuing pieces is looked up as it stands", () => {
  assert.deepEqual(tokensOf("## ### #### #"), ["##", "###", "###", "###", "<unk>"]); // "###" also continues a word: "#"
});

test("a word of a hundred characters is split, one more is unknown; pairs of units count once", () => {
  assert.equal(tokensOf("a".repeat(100)).length, 100);
  assert.deepEqual(tokensOf(`${"a".repeat(101)} a`), ["<unk>", "a"]);
  const wide = defineLearnedTokenizer([...specialTokens, "𐐨", "##𐐨"], normalisers.bert, "bert");
  assert.equal(encodeText(wide, "𐐨".repeat(100)).length, 100);
  assert.deepEqual([...encodeText(wide, "𐐨".repeat(101))], [3]);
});

test("special tokens in a text are tokens or text, as asked", () => {
  const text = "a<mask>a <MASK>";
  assert.deepEqual([...encodeText(tokenizer, text)], [id("a"), 6, id("a"), id("<"), id("mask"), id(">")]);
  const asText = [id("a"), id("<"), id("mask"), id(">"), id("a"), id("<"), id("mask"), id(">")];
  assert.deepEqual([...encodeText(tokenizer, text, "as-text")], asText);
});

test("white space that is a token is none where the one before it took it", () => {
  const flags = { special: false, singleWord: false, lstrip: true, rstrip: true, normalized: false };
  const [gap, lines] = ["   ", "\n\n"].map(content => ({ content, ...flags }));
  const tokens = [gap!, { ...lines!, rstrip: false }];
  const vocabulary = [...tokenizer.vocabulary, ...tokens.map(({ content }) => content)];
  const added = defineTokenizer({ ...tokenizer, vocabulary, added: { tokens, ofModel: tokenizer.vocabulary.length } });
  // As `tokenizers` 0.23 reads it; of the second they stop.
  for (const text of ["a      a", "a   \n\n a"]) {
    assert.deepEqual([...encodeText(added, text)], [id("a"), vocabulary.length - 2, id("a")], JSON.stringify(text));
  }
});

test("a pattern replaces what flag v of JavaScript does not take in a set", () => {
  // What of "a(a/a,a)" is left: "a" or, of a mark, "?".
  for (const [pattern, left] of [
    ["[(){}]", "aa?a?a"],
    ["[/|]", "a?aa?a?"],
    ["[,,(]+", "aa?aa?"],
    ["[!-/]{1,}", "aaaa"],
  ] as const) {
    const step = { step: "replace", pattern, regex: true, by: " " } as const;
    const replaced = defineLearnedTokenizer([...specialTokens, ...pieces], [step], "whitespace");
    const ids = Array.from(encodeText(replaced, "a(a/a,a)"));
    assert.equal(ids.map(each => (each === id("a") ? "a" : "?")).join(""), left, pattern);
  }
});

test("the template: a separator behind a text, classify and separators around a pair", () => {
  assert.deepEqual(encodeForModel(tokenizer, "a"), { ids: Uint32Array.of(id("a"), 5), typeIds: new Uint8Array(2) });
  assert.deepEqual(encodeForModel(tokenizer, "a", "un"), {
    ids: Uint32Array.of(4, id("a"), 5, id("un"), 5),
    typeIds: new Uint8Array(5),
  });
});

test("a full table of words is emptied and the ids stay the same", () => {
  const vocabulary = [...specialTokens, ..."0123456789", ...[..."0123456789"].map(digit => `##${digit}`)];
  const digits = defineLearnedTokenizer(vocabulary, [], "whitespace");
  const encoder = new Encoder(digits);
  const expected = (number: number) =>
    [...String(number)].map((digit, i) => vocabulary.indexOf(i === 0 ? digit : `##${digit}`));
  for (let round = 0; round < 2; round++) {
    for (let first = 0; first < 300_000; first += 1000) {
      const numbers = Array.from({ length: 1000 }, (_, i) => first + i);
      const ids = encoder.encode(numbers.join(" "), "as-text");
      assert.deepEqual(ids, Uint32Array.from(numbers.flatMap(expected)));
    }
  }
});

test("an encoder's array is its own; encodeText gives one to keep", () => {
  const encoder = new Encoder(tokenizer);
  const first = encoder.encode("a un", "as-text");
  encoder.encode("un a", "as-text");
  assert.deepEqual([...first], [id("un"), id("a")]);
  const kept = encodeText(tokenizer, "a un");
  encodeText(tokenizer, "un a");
  assert.deepEqual([...kept], [id("a"), id("un")]);
});

test("decoding joins pieces and refuses an id that is not there", () => {
  const ids = encodeForModel(tokenizer, "unaffable a").ids;
  assert.equal(decodeTokens(tokenizer, ids), "unaffable a <sep>");
  assert.equal(decodeTokens(tokenizer, ids, "skip"), "unaffable a");
  assert.throws(() => decodeTokens(tokenizer, [tokenizer.vocabulary.length]), RangeError);
});

test("a learned vocabulary begins with the special tokens", () => {
  assert.throws(() => defineLearnedTokenizer(pieces, normalisers.bert, "bert"), /token 0 is un, not <pad>/);
});
