// The same ids as Hugging Face: its native `tokenizers` and its `@huggingface/tokenizers` read the files written here and
// encode four thousand documents, prose and every kind of odd text; and the vocabulary of its trainer, id by id.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { Tokenizer as ScriptTokenizer } from "@huggingface/tokenizers";
import { type Encoding, Tokenizer as NativeTokenizer } from "tokenizers";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { defineLearnedTokenizer, defineTokenizer } from "../../src/tokenizer/define.ts";
import { decodeTokens } from "../../src/tokenizer/encoding/decode.ts";
import { encodeForModel, encodeText } from "../../src/tokenizer/encoding/encode.ts";
import { allocateSpans, type PreTokenizer, splitWords } from "../../src/tokenizer/encoding/split.ts";
import { WordCounter } from "../../src/tokenizer/learning/count-words.ts";
import { learnVocabulary } from "../../src/tokenizer/learning/learn.ts";
import { compileNormaliser } from "../../src/tokenizer/normalising/normalise.ts";
import { type Normaliser, type NormaliserName, normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { encodeTokenizerJson, writeTokenizer } from "../../src/tokenizer/tokenizer-json.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-tokenizer-"));
after(() => rmSync(folder, { recursive: true }));

const root = findRoot(import.meta.dirname);
const prose = readInstalledProse();
const documents = makeDocuments();
const pairs = documents.flatMap((text, i) => (i % 8 === 0 ? [[text, documents[i + 1] ?? ""] as const] : []));
const specialPattern = new RegExp(specialTokens.join("|"), "g");
const configurations = (Object.keys(normalisers) as NormaliserName[]).flatMap(name =>
  (["whitespace", "bert"] as const).map(preTokenizer => [name, preTokenizer] as const),
);
const learned = new Map(configurations.map(([name, splitter]) => [name + splitter, learnTokenizer(name, splitter)]));

function findRoot(start: string): string {
  return readdirSync(start).includes("package.json") ? start : findRoot(dirname(start));
}

/** Every README and changelog of the installed packages; some are in Russian, Chinese, Hindi, Korean. */
function readInstalledProse(): string {
  const modules = join(root, "node_modules");
  return readdirSync(modules, { recursive: true, encoding: "utf8" })
    .filter(name => /\.(md|markdown)$/i.test(name))
    .sort()
    .map(name => readFileSync(join(modules, name), "utf8"))
    .join("\n");
}

function makeDocuments(): string[] {
  const random = new RandomSequence(11, streams.sampling, 0);
  const pick = <T>(items: ArrayLike<T>): T => items[random.below(items.length)]!;
  const ranges = (list: string) => list.split(" ").map(range => range.split("-").map(hex => Number.parseInt(hex, 16)));
  const from = ([first, last]: readonly number[]) => String.fromCodePoint(first! + random.below(last! - first! + 1));
  const times = (count: number, make: () => string) => Array.from({ length: count }, make);
  const chain = (most: number, make: () => string) => times(1 + random.below(most), make).join("");
  const slice = (most: number) => {
    const start = random.below(prose.length - most);
    return prose.slice(start, start + 1 + random.below(most)); // may cut a surrogate pair
  };
  const marks = ranges("300-36f 300-36f 591-5bd 897-8ff 1ab0-1aeb 1dc0-1dff 20d0-20f0 10efa-10eff 1e130-1e136");
  const planes = ranges("0-2fff 0-d7ff e000-ffff 10000-1ffff 10000-1ffff 20000-323af e0000-e01ef 0-d7ff 30000-10ffff");
  const scripts = ranges(
    "4e00-9fff 3400-4dbf f900-faff 20000-2a6df 2f800-2fa1d 3000-303f ac00-d7a3 1100-11ff 3041-30ff ff00-ffef 370-3ff " +
      "1f00-1fff 400-52f 590-6ff 900-dff e00-fff 10a0-10ff 1d400-1d7ff 1f300-1faff 10400-104ff 11380-113d2 16e40-16ebf " +
      "a640-a7ff 80-24f 2000-206f 2070-2bff",
  );
  const zeroWidth = [..."\u200b\u200c\u200d\u200e\u2060\ufeff\u00ad\ufe0f\u034f\u{e0061}"];
  const spaces = [..."\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2009\u2028\u2029\u202f\u205f\u3000"];
  const bases = [..."aeoẹσ가日 "];
  const odd = ([] as string[]).concat(
    specialTokens,
    "< > <s </s <MASK> <Unk> <<s>> [MASK] ## ##ing `` '' ... … — ’ “ ǅ ß ẞ İ ı ΣΑΣ ς æ Œ ø Ǿ ł Đ þ ﬁ ½ ² _ don't".split(
      " ",
    ),
    "e\u0301 é 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇫🇷 \0 \x7f \ufffd \ufeff \ud83d \udc69 $& $1 \u212b \u1e9b\u0323 Ꟶ \u{16ea0}".split(
      " ",
    ),
  );
  const disturbed = () =>
    slice(12) + pick([pick(odd), from(pick(marks)), pick(zeroWidth), pick(spaces), from(pick(planes))]);
  const writing = () => {
    const script = pick(scripts);
    return chain(24, () => (random.below(5) > 0 ? from(script) : pick([" ", from(pick(marks)), ".", "x"])));
  };
  const longWord = () => pick([..."a9é𐐀字.", "ab"]).repeat(pick([47, 48, 49, 99, 100, 101, 200, 201, 5000]));
  return [
    ...times(1500, () => slice(100)),
    ...times(400, () => chain(24, () => from(pick(planes)))),
    ...times(400, () => chain(6, disturbed)),
    ...times(400, writing),
    ...times(300, () => chain(6, () => pick(bases) + chain(5, () => from(pick(marks))))),
    ...times(300, () => chain(8, () => pick(odd) + pick(["", "", " ", "a"]))),
    ...times(300, () => chain(12, () => pick([from([0xd800, 0xdfff]), "\ud801", "\udc12", "x", " "]))),
    ...times(300, () => chain(10, () => pick(spaces) + pick(["", "", "a", "."]))),
    ...times(200, () => chain(8, () => pick(zeroWidth) + pick(["", "a", "b ", "👩"]))),
    ...times(200, () => chain(4, () => from([0, 0x9f]) + pick(["a", " ", "\0"]))),
    ...times(60, longWord),
    ...Array.from({ length: 384 }, (_, point) => String.fromCharCode(point)),
    ...odd,
    ...["", " ", "\n", "  ", " a  b   c ", "a".repeat(100), "a".repeat(101)],
  ];
}

/** A tokenizer learned from the prose, and its file. */
function learnTokenizer(name: NormaliserName, preTokenizer: PreTokenizer): { tokenizer: Tokenizer; path: string } {
  const counter = new WordCounter(normalisers[name], preTokenizer);
  for (const line of prose.split("\n")) counter.addText(line);
  const vocabularySize = name === "ascii-fold" || name === "reference" ? 3000 : 8000;
  const vocabulary = learnVocabulary(counter.wordCounts(), { vocabularySize, specialTokens });
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
    for (const text of [...oddDocuments, ...everyCharacter()].map(compileNormaliser([]))) {
      splitWords(preTokenizer, text, spans);
      const words = Array.from({ length: spans.count }, (_, i) =>
        text.slice(spans.bounds[2 * i], spans.bounds[2 * i + 1]),
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
  const golden = JSON.parse(readFileSync(join(root, "test/golden/expected/tokenizer-learned.json"), "utf8")) as {
    texts: string[];
    vocabularies: Record<string, string[]>;
    limited: { limit: number; vocabulary: string[] };
  };
  const counter = new WordCounter(normalisers.bert, "bert");
  for (const text of golden.texts) counter.addText(text);
  for (const [size, expected] of Object.entries(golden.vocabularies)) {
    const options = { vocabularySize: Number(size), specialTokens };
    assert.deepEqual(learnVocabulary(counter.wordCounts(), options), expected);
  }
  const { limit: alphabetLimit, vocabulary } = golden.limited;
  const options = { vocabularySize: vocabulary.length, specialTokens, alphabetLimit };
  assert.deepEqual(learnVocabulary(counter.wordCounts(), options), vocabulary);
});
