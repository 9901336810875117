// The same ids as Hugging Face: its native `tokenizers` and its `@huggingface/tokenizers` read the files written here and
// encode four thousand documents, prose and every kind of odd text; and the vocabulary of its trainer, id by id.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Tokenizer as ScriptTokenizer } from "@huggingface/tokenizers";
import { type Encoding, Tokenizer as NativeTokenizer } from "tokenizers";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { defineLearnedTokenizer, defineTokenizer } from "../../src/tokenizer/define.ts";
import { decodeTokens } from "../../src/tokenizer/encoding/decode.ts";
import { encodeForModel, encodeText } from "../../src/tokenizer/encoding/encode.ts";
import { allocateSpans, type PreTokenizerName, splitWords } from "../../src/tokenizer/encoding/pre-tokenizer.ts";
import { TextBytes } from "../../src/tokenizer/encoding/text-bytes.ts";
import { wordpiece } from "../../src/tokenizer/kinds/wordpiece.ts";
import { WordCounter } from "../../src/tokenizer/learning/count-words.ts";
import { compileNormaliser } from "../../src/tokenizer/normalising/normalise.ts";
import { type Normaliser, type NormaliserName, normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { encodeTokenizerJson, writeTokenizer } from "../../src/tokenizer/tokenizer-json.ts";
import { makeOddTexts, readInstalledProse } from "./odd-texts.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-tokenizer-"));
after(() => rmSync(folder, { recursive: true }));

const prose = readInstalledProse();
const documents = makeOddTexts(prose);
const pairs = documents.flatMap((text, i) => (i % 8 === 0 ? [[text, documents[i + 1] ?? ""] as const] : []));
const specialPattern = new RegExp(specialTokens.join("|"), "g");
const configurations = (Object.keys(normalisers) as NormaliserName[]).flatMap(name =>
  (["whitespace", "bert"] as const).map(preTokenizer => [name, preTokenizer] as const),
);
const learned = new Map(configurations.map(([name, splitter]) => [name + splitter, learnTokenizer(name, splitter)]));

/** A tokenizer learned from the prose, and its file. */
function learnTokenizer(name: NormaliserName, preTokenizer: PreTokenizerName): { tokenizer: Tokenizer; path: string } {
  const counter = new WordCounter(normalisers[name], preTokenizer);
  for (const line of prose.split("\n")) counter.addText(line);
  const vocabularySize = name === "ascii-fold" || name === "reference" ? 3000 : 8000;
  const { vocabulary } = wordpiece.learn(counter.wordCounts(), { vocabularySize, specialTokens, preTokenizer });
  assert.equal(vocabulary.length, vocabularySize);
  const tokenizer = defineLearnedTokenizer(vocabulary, normalisers[name], preTokenizer);
  const path = join(folder, `${name}-${preTokenizer}.json`);
  writeTokenizer(path, tokenizer);
  return { tokenizer, path };
}

function checkIds(got: ArrayLike<number>, expected: readonly number[], text: string): void {
  if (expected.length === got.length && expected.every((id, i) => id === got[i])) return;
  assert.deepEqual(Array.from(got), expected, `ids of ${JSON.stringify(text.slice(0, 400))}`);
}

for (const [name, preTokenizer] of configurations) {
  const { tokenizer, path } = learned.get(name + preTokenizer)!;

  test(`${name}, ${preTokenizer}: the ids of the native library, alone and in templates`, async () => {
    const native = NativeTokenizer.fromFile(path);
    const plain = await native.encodeBatch(documents, { addSpecialTokens: false });
    for (const [i, text] of documents.entries()) checkIds(encodeText(tokenizer, text), plain[i]!.getIds(), text);
    const checkTemplate = (encoding: Encoding, first: string, second?: string) => {
      const { ids, typeIds } = encodeForModel(tokenizer, first, second);
      checkIds(ids, encoding.getIds(), first);
      checkIds(typeIds, encoding.getTypeIds(), first);
    };
    const some = documents.filter((_, i) => i % 4 === 0);
    const whole = await native.encodeBatch(some, { addSpecialTokens: true });
    for (const [i, text] of some.entries()) checkTemplate(whole[i]!, text);
    for (const [first, second] of pairs) checkTemplate(await native.encode(first, second), first, second);
  });

  // Of words it knows ASCII letters alone, so what keeps others is cut otherwise there: their pre-tokenizer is bert by default.
  const cutOtherwise = preTokenizer === "whitespace" && (name === "keep" || name === "lowercase");
  test(`${name}, ${preTokenizer}: the ids of @huggingface/tokenizers`, { skip: cutOtherwise }, t => {
    const script = new ScriptTokenizer(JSON.parse(readFileSync(path, "utf8")), {});
    const findException = scriptExceptions(script, NativeTokenizer.fromFile(path));
    const exceptions: Record<string, number> = {};
    let compared = 0;
    for (const [i, text] of documents.entries()) {
      const exception = findException(text);
      if (exception !== undefined) {
        exceptions[exception] = (exceptions[exception] ?? 0) + 1;
        continue;
      }
      compared++;
      checkIds(encodeText(tokenizer, text), script.encode(text, { add_special_tokens: false }).ids, text);
      const second = documents[i + 1] ?? "";
      if (i % 8 !== 0 || second === "" || findException(second) !== undefined) continue; // it takes "" for no text
      checkIds(encodeForModel(tokenizer, text).ids, script.encode(text).ids, text);
      checkIds(encodeForModel(tokenizer, text, second).ids, script.encode(text, { text_pair: second }).ids, text);
    }
    t.diagnostic(`${compared} documents compared; left out: ${JSON.stringify(exceptions)}`);
    assert.ok(
      compared >= (name === "ascii-fold" || name === "reference" ? 4000 : preTokenizer === "bert" ? 3300 : 2500),
      `only ${compared}`,
    );
  });
}

/**
 * Why `@huggingface/tokenizers` itself gives other ids than the native library, or undefined where it must not. The two
 * are asked about each character of a text, between letters and between marks; three things depend on more than that.
 */
function scriptExceptions(script: ScriptTokenizer, native: NativeTokenizer): (text: string) => string | undefined {
  const normaliser = native.getNormalizer()!;
  const splitter = native.getPreTokenizer()!;
  const verdicts = new Map<string, boolean>();
  const agreeOn = (character: string): boolean => {
    const verdict =
      verdicts.get(character) ??
      [`x${character}y`, `a\u0345${character}\u0334b`].every(text => {
        const normalised = normaliser.normalizeString(text);
        const words = splitter.preTokenizeString(normalised).map(([word]) => word);
        return script.normalizer!(text) === normalised && script.pre_tokenizer!(normalised).join() === words.join();
      });
    verdicts.set(character, verdict);
    return verdict;
  };
  return text => {
    if (/\p{Surrogate}/u.test(text)) return "half a surrogate pair: it keeps it";
    const sections = text.split(specialPattern).map(section => normaliser.normalizeString(section));
    if (sections.some(section => specialTokens.some(token => token === section))) {
      return "a special token, but only once normalised: it takes it for one";
    }
    if (text.includes("Σ")) return "a capital sigma: it makes a final one of the last in a word";
    const apart = [...text].find(character => !agreeOn(character));
    if (apart === undefined) return undefined;
    if (apart.length === 2 && /\p{Script=Han}/u.test(apart)) return "Chinese of two units: it does not set it apart";
    return "a character it does not class alike: its \\w is ASCII, its tables are Node's";
  };
}

/** Every character of the first two planes, between marks that its combining class moves, 64 to a text. */
function everyCharacter(): string[] {
  const texts: string[] = [];
  for (let first = 0; first < 0x20000; first += 64) {
    if (first >= 0xd800 && first < 0xe000) continue;
    const characters = Array.from({ length: 64 }, (_, i) => String.fromCodePoint(first + i));
    texts.push(characters.map(character => `x\u0345${character}\u0334 `).join(""));
  }
  return texts;
}

const oddDocuments = documents.filter((_, i) => i >= 5000 && i % 2 === 0);
const cased = {
  step: "bert",
  cleanText: true,
  separateIdeographs: true,
  stripAccents: false,
  lowercase: false,
} as const;
const replaced = (pattern: string, by: string): Normaliser => [{ step: "replace", pattern, regex: true, by }];
const normaliserCases: readonly (readonly [name: string, Normaliser, texts: readonly string[]])[] = [
  ["ascii-fold", normalisers["ascii-fold"], [...documents, ...everyCharacter()]],
  ["reference", normalisers.reference, everyCharacter()],
  ["bert", normalisers.bert, [...documents, ...everyCharacter()]],
  ["keep", normalisers.keep, [...documents, ...everyCharacter()]],
  ["lowercase", normalisers.lowercase, [...documents, ...everyCharacter()]],
  ["NFC", [{ step: "nfc" }], oddDocuments],
  ["NFKC and lower case (a reference that keeps accents)", [{ step: "nfkc" }, { step: "lowercase" }], everyCharacter()],
  ["NFKC", [{ step: "nfkc" }], oddDocuments],
  ["cased bert", [cased], oddDocuments],
  ["a pattern for what is not in a class, one by one", replaced("[^a-z\\u00E9]", "$&"), oddDocuments],
  ["a pattern for what is not in a class", replaced("[^a-]+", "-"), oddDocuments],
  ["a pattern with a count", replaced("[^ -\\x7E]{2,3}", "\u00e9\u0301"), oddDocuments],
  ["a pattern with a range and a dash", replaced("[\\u0041-\\u005A*-]{1,}", "$"), oddDocuments],
  ["a pattern of one character", replaced("é+", "e"), oddDocuments],
  ["a pattern beyond the basic plane", replaced("[👩-👯\u200d]", "x"), oddDocuments],
  ["ASCII made into other text", [...replaced("[ab]", "É"), { step: "nfd" }, { step: "strip-accents" }], oddDocuments],
];

for (const [name, normaliser, texts] of normaliserCases) {
  test(`the text of the native library: ${name}`, () => {
    const { tokenizer } = learned.get("referencebert")!;
    const native = NativeTokenizer.fromString(encodeTokenizerJson({ ...tokenizer, normaliser })).getNormalizer()!;
    const normalise = compileNormaliser(normaliser);
    for (const text of texts) {
      const expected = native.normalizeString(text);
      const got = normalise(text);
      if (got !== expected) assert.equal(got, expected, JSON.stringify(text));
    }
  });
}

for (const preTokenizer of ["whitespace", "bert"] as const) {
  test(`the words of the native library: ${preTokenizer}`, () => {
    const native = NativeTokenizer.fromFile(learned.get(`reference${preTokenizer}`)!.path).getPreTokenizer()!;
    const spans = allocateSpans();
    const bytes = new TextBytes();
    for (const text of [...oddDocuments, ...everyCharacter()].map(compileNormaliser([]))) {
      bytes.read(text);
      splitWords(preTokenizer, bytes, spans);
      const words = Array.from({ length: spans.count }, (_, i) =>
        bytes.slice(spans.bounds[2 * i]!, spans.bounds[2 * i + 1]!),
      );
      const expected = native.preTokenizeString(text).map(([word]) => word);
      if (words.join("\n") !== expected.join("\n")) assert.deepEqual(words, expected, JSON.stringify(text));
    }
  });
}

test("special tokens as text: the ids of the native library without added tokens", async () => {
  const { tokenizer, path } = learned.get("referencebert")!;
  const json = JSON.parse(readFileSync(path, "utf8"));
  const native = NativeTokenizer.fromString(JSON.stringify({ ...json, added_tokens: [] }));
  const texts = documents.filter(text => text.search(specialPattern) >= 0);
  assert.ok(texts.length > 100);
  const expected = await native.encodeBatch(texts, { addSpecialTokens: false });
  for (const [i, text] of texts.entries())
    checkIds(encodeText(tokenizer, text, "as-text"), expected[i]!.getIds(), text);
});

test("other templates and none: ids and segments of the native library", async () => {
  const { tokenizer } = learned.get("bertbert")!;
  const cls = { token: "<cls>", typeId: 0 } as const;
  const single = [cls, { sequence: "A", typeId: 0 }, { token: "<sep>", typeId: 0 }] as const;
  const second = [
    { sequence: "B", typeId: 1 },
    { token: "<sep>", typeId: 1 },
  ] as const;
  for (const template of [null, { single, pair: [...single, ...second] }]) {
    const other = defineTokenizer({ ...tokenizer, template });
    const native = NativeTokenizer.fromString(encodeTokenizerJson(other));
    for (const [first, second] of [...pairs.slice(0, 200), ["", ""], ["a", ""], ["", "b"], ["<sep>", "<s>"]] as const) {
      for (const given of [[first], [first, second]] as [string, string?][]) {
        const encoding = await native.encode(...given);
        const { ids, typeIds } = encodeForModel(other, ...given);
        checkIds(ids, encoding.getIds(), first);
        checkIds(typeIds, encoding.getTypeIds(), first);
      }
    }
  }
});

test("the text of ids is the native library's", async () => {
  const { tokenizer, path } = learned.get("ascii-foldwhitespace")!;
  const native = NativeTokenizer.fromFile(path);
  const random = new RandomSequence(3, streams.sampling, 1);
  const lists = documents.slice(0, 1000).map(text => Array.from(encodeText(tokenizer, text)));
  for (let i = 0; i < 1000; i++) {
    lists.push(Array.from({ length: random.below(30) }, () => random.below(random.below(2) ? 3000 : 150)));
  }
  lists.push([], [0], [1, 2, 3, 4, 5, 6]);
  for (const ids of lists) {
    assert.equal(decodeTokens(tokenizer, ids), await native.decode(ids, false));
    assert.equal(decodeTokens(tokenizer, ids, "skip"), await native.decode(ids, true));
  }
});

test("the text of pieces that a learner does not make is the native library's", async () => {
  const { tokenizer } = learned.get("bertbert")!;
  const pieces = [
    "do not",
    "n't",
    "'m",
    "'s",
    "'ve",
    "'re",
    "'",
    ".",
    "?",
    "!",
    ",",
    "a",
    "##b",
    "##",
    "####",
    "a ' b",
    " .",
  ];
  const other = defineTokenizer({ ...tokenizer, vocabulary: [...specialTokens, ...pieces] });
  const native = NativeTokenizer.fromString(encodeTokenizerJson(other));
  for (let first = 0; first < other.vocabulary.length; first++) {
    for (let second = 0; second < other.vocabulary.length; second++) {
      const ids = [first, second, 11, second];
      assert.equal(decodeTokens(other, ids), await native.decode(ids, false));
    }
  }
});

test("of special tokens that overlap the first and longest is taken, as in the native library", async () => {
  const { tokenizer } = learned.get("referencewhitespace")!;
  const other = defineTokenizer({
    ...tokenizer,
    specialTokens: ["a", "an", "and", "<", "<s>", "s", "in", "##ing", "."],
  });
  const native = NativeTokenizer.fromString(encodeTokenizerJson(other));
  for (const text of documents.filter((_, i) => i % 10 === 0)) {
    checkIds(encodeText(other, text), (await native.encode(text, null, { addSpecialTokens: false })).getIds(), text);
  }
});

test("the learned vocabulary is the one of Hugging Face's trainer, id by id (scripts/make-tokenizer.py)", () => {
  const golden = JSON.parse(
    readFileSync(new URL("../../../test/golden/expected/tokenizer-learned.json", import.meta.url), "utf8"),
  ) as {
    texts: string[];
    vocabularies: Record<string, string[]>;
    limited: { limit: number; vocabulary: string[] };
  };
  const counter = new WordCounter(normalisers.bert, "bert");
  for (const text of golden.texts) counter.addText(text);
  for (const [size, expected] of Object.entries(golden.vocabularies)) {
    const options = { vocabularySize: Number(size), specialTokens, preTokenizer: "bert" } as const;
    assert.deepEqual(wordpiece.learn(counter.wordCounts(), options).vocabulary, expected);
  }
  const { limit: alphabetLimit, vocabulary } = golden.limited;
  const options = { vocabularySize: vocabulary.length, specialTokens, alphabetLimit, preTokenizer: "bert" } as const;
  assert.deepEqual(wordpiece.learn(counter.wordCounts(), options).vocabulary, vocabulary);
});
