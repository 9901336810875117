// Tokenizers of other people's files: ids and texts are those of Hugging Face's `tokenizers` (scripts/make-given-tokenizers.py), and of its
// binding for Node over random texts of everything odd; what is written of one gives the same again.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Tokenizer as NativeTokenizer } from "tokenizers";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { compileCuts } from "../../src/tokenizer/cutting/cut-text.ts";
import { decodeTokens } from "../../src/tokenizer/encoding/decode.ts";
import { Encoder, encodeText } from "../../src/tokenizer/encoding/encode.ts";
import { TextBytes } from "../../src/tokenizer/encoding/text-bytes.ts";
import { findUnknown } from "../../src/tokenizer/patterns/compile-pattern.ts";
import { decodeTokenizerJson } from "../../src/tokenizer/read-tokenizer.ts";
import { encodeTokenizerJson } from "../../src/tokenizer/tokenizer-json.ts";
import { makeOddTexts } from "./odd-texts.ts";

interface Golden {
  readonly texts: string[];
  readonly models: Record<string, object>;
  readonly cases: Record<string, Case>;
}

interface Case {
  readonly model: string;
  /** The tokenizer.json without its model. */
  readonly around: object;
  readonly ids: number[][];
  /** With special tokens read as text, where it differs. */
  readonly split: Record<number, number[]>;
  readonly decoded: string[];
}

const path = new URL("../../../test/golden/expected/given-tokenizers.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;
const { texts } = golden;
const folder = mkdtempSync(join(tmpdir(), "cram-given-"));
after(() => rmSync(folder, { recursive: true }));

/** Pieces of the texts in any order and cut anywhere, so that rules meet each other; and the odd texts that all tokenizers are tried with. */
const random = new RandomSequence(29, streams.sampling, 0);
const cut = () => {
  const text = texts[random.below(texts.length)]!;
  const begin = random.below(text.length + 1);
  return text.slice(begin, begin + random.below(12));
};
const pieces = Array.from({ length: 400 }, () => Array.from({ length: 1 + random.below(8) }, cut).join(""));
const oddTexts = makeOddTexts(texts.join("\n").repeat(2)).filter((_, i) => i % 9 === 0);
const many = [...pieces, ...oddTexts];

for (const [name, { model, around, ids, split, decoded }] of Object.entries(golden.cases)) {
  const json = { ...around, model: golden.models[model] };
  const open = () => decodeTokenizerJson(json, name);

  test(`${name}: ids, and their text`, () => {
    const tokenizer = open();
    const text = new TextBytes();
    const encoder = new Encoder(tokenizer);
    for (const [i, each] of texts.entries()) {
      assert.deepEqual(Array.from(encodeText(tokenizer, each)), ids[i], JSON.stringify(each));
      // Theirs take a special token that is text for a word, or put it together of its characters, which ours never do.
      const asThere = tokenizer.model.kind === "bpe" || tokenizer.model.kind === "wordpiece";
      const asText = asThere ? (split[i] ?? ids[i]) : Array.from(new Encoder(tokenizer).encode(each, "as-text"));
      assert.deepEqual(Array.from(encodeText(tokenizer, each, "as-text")), asText, `as text: ${JSON.stringify(each)}`);
      text.read(each);
      assert.deepEqual(Array.from(encoder.encodeBytes(text)), asText, `as bytes: ${JSON.stringify(each)}`);
      assert.equal(decodeTokens(tokenizer, ids[i]!), decoded[i], `text of ${JSON.stringify(each)}`);
    }
  });

  test(`${name}: what is written is the same again, there too`, async () => {
    const tokenizer = open();
    const written = encodeTokenizerJson(tokenizer);
    assert.deepEqual(decodeTokenizerJson(JSON.parse(written), name), tokenizer);
    const file = join(folder, "written.json");
    writeFileSync(file, written);
    const native = NativeTokenizer.fromFile(file);
    const encoded = await native.encodeBatch(texts, { addSpecialTokens: false });
    for (const [i, each] of encoded.entries()) {
      assert.deepEqual(each.getIds(), ids[i]);
      assert.equal(await native.decode(ids[i]!, false), decoded[i]);
    }
  });

  test(`${name}: ids of any text`, async () => {
    const file = join(folder, "given.json");
    writeFileSync(file, JSON.stringify(json));
    const tokenizer = open();
    // A Unigram of theirs finds a special token that only normalising makes one.
    const read = many.filter(text => tokenizer.model.kind !== "unigram" || !/<(MASK|Unk)>/.test(text));
    const encoded = await NativeTokenizer.fromFile(file).encodeBatch(read, { addSpecialTokens: false });
    for (const [i, each] of read.entries()) {
      const got = Array.from(encodeText(tokenizer, each));
      assert.deepEqual(got, encoded[i]!.getIds(), JSON.stringify(each.slice(0, 200)));
    }
  });
}

/** A text cut by a pattern, by their engine. */
function cutThere(pattern: string): (text: string) => string[] {
  const json = {
    version: "1.0",
    added_tokens: [],
    pre_tokenizer: { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
    model: { type: "WordLevel", vocab: { a: 0 }, unk_token: "a" },
  };
  const cutter = NativeTokenizer.fromString(JSON.stringify(json)).getPreTokenizer()!;
  return text => cutter.preTokenizeString(text).map(([piece]) => piece);
}

test("patterns cut where Oniguruma does", () => {
  const wholeTexts = many.map(text => text.replace(/\p{Surrogate}/gu, "\ufffd"));
  for (const pattern of [
    ..."\\p{L}+ \\p{Lu}\\p{Ll}* \\P{L} \\p{^L}+ [\\P{M}\\d] [^\\p{P}\\p{S}\\s] \\w+ \\W+ \\d \\D+ \\S+ [^\\w\\s]+ \\p{Han} [\\p{Lm}\\p{Lo}]+ \\p{Nd}{2,}".split(
      " ",
    ),
    ...String.raw`a|the|at (?:a|b)+ (c|d)(e)? a(?=t) (?<=c)a (?<!c)a a(?!t) (?>a|at)t a*+t [a-z]{2}? .+? x?? [-a] [a-] [a\-z] [\]x] a{,2}b a{2} \x41\x{e9} \u00e9 é+ [à-ÿ] \.\/\- \t`.split(
      " ",
    ),
    "(?i:s|k|the)",
    "(?i:[sdmt]|ll|ve|re)|x",
    " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+",
    "\\s*",
    "\\s+(?!\\S)|\\s+",
    "[\\r\\n]",
    "[一-龥぀-ゟ゠-ヿ]+",
    "(?=[A-Z])",
  ]) {
    const unknown = findUnknown(pattern);
    if (pattern === "[a-z]{2}?")
      assert.equal(unknown, "{2}?"); // of theirs it is two letters or none
    else {
      assert.equal(unknown, undefined, pattern);
      const there = cutThere(pattern);
      const here = compileCuts([{ step: "split", pattern, regex: true, behaviour: "isolated", invert: false }]);
      for (const text of wholeTexts)
        assert.deepEqual(here(text, 0), there(text), `${pattern} in ${JSON.stringify(text.slice(0, 200))}`);
    }
  }
});
