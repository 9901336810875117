import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../base/errors.ts";
import { defineLearnedTokenizer, defineTokenizer } from "./define.ts";
import { byteLetters } from "./encoding/byte-letters.ts";
import { encodeForModel } from "./encoding/encode.ts";
import { normalisers } from "./normalising/normaliser.ts";
import { decodeTokenizerJson, readTokenizer } from "./read-tokenizer.ts";
import { specialTokens } from "./tokenizer.ts";
import { encodeTokenizerJson, writeTokenizer } from "./tokenizer-json.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-tokenizer-"));
after(() => rmSync(folder, { recursive: true }));

// Tokens that a JSON object would put in an order of its own, or mistake for something else.
const vocabulary = [...specialTokens, "b", "a", "10", "2", "##2", "__proto__", "constructor", "é", '"', "\\", "\u2028"];

for (const name of ["ascii-fold", "reference", "bert"] as const) {
  for (const preTokenizer of ["whitespace", "bert"] as const) {
    test(`${name}, ${preTokenizer}: what is written is read again, hash and bytes the same`, () => {
      const tokenizer = defineLearnedTokenizer(vocabulary, normalisers[name], preTokenizer);
      const path = join(folder, `${name}-${preTokenizer}.json`);
      writeTokenizer(path, tokenizer);
      const read = readTokenizer(path);
      assert.deepEqual(read, tokenizer);
      assert.equal(encodeTokenizerJson(read), readFileSync(path, "utf8"));
    });
  }
}

test("a normaliser of nothing, no template and no added tokens come back as they were", () => {
  const plain = { ...defineLearnedTokenizer(vocabulary, [], "bert"), template: null, specialTokens: [] };
  const tokenizer = defineTokenizer(plain);
  const path = join(folder, "plain.json");
  writeTokenizer(path, tokenizer);
  assert.deepEqual(readTokenizer(path), tokenizer);
});

test("the hash is of everything that decides ids, and of nothing else", () => {
  const base = defineLearnedTokenizer(vocabulary, normalisers.bert, "bert");
  const others = [
    defineLearnedTokenizer(vocabulary, normalisers.bert, "whitespace"),
    defineLearnedTokenizer(vocabulary, normalisers.reference, "bert"),
    defineLearnedTokenizer([...vocabulary.slice(0, -2), "\u2028", "\\"], normalisers.bert, "bert"),
    defineTokenizer({ ...base, model: { kind: "wordpiece", longestWord: 99 } }),
    defineTokenizer({ ...base, template: null }),
    defineTokenizer({ ...base, specialTokens: specialTokens.slice(1) }),
  ];
  assert.equal(new Set([base, ...others].map(({ hash }) => hash)).size, others.length + 1);
  assert.equal(defineLearnedTokenizer([...vocabulary], [...normalisers.bert], "bert").hash, base.hash);
  assert.match(base.hash, /^[0-9a-f]{16}$/);
});

/** A file as bert-base-uncased has it: no type at the model, accents stripped because letters are made small. */
function foreign() {
  const added = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map((content, id) => {
    return { id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false };
  });
  return {
    version: "1.0",
    truncation: null as unknown,
    padding: null as unknown,
    added_tokens: added,
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    } as object,
    pre_tokenizer: { type: "BertPreTokenizer" } as unknown,
    post_processor: {
      type: "TemplateProcessing",
      single: [
        { SpecialToken: { id: "[CLS]", type_id: 0 } },
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: "[SEP]", type_id: 0 } },
      ] as unknown[],
      pair: [
        { Sequence: { id: "A", type_id: 0 } },
        { SpecialToken: { id: "[SEP]", type_id: 0 } },
        { Sequence: { id: "B", type_id: 1 } },
      ] as unknown[],
      special_tokens: {
        "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
        "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
      },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true } as unknown,
    model: {
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100 as unknown,
      vocab: { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, cafe: 5, "##s": 6 } as object,
    } as object,
  };
}

test("a file of another maker is read", () => {
  const path = join(folder, "foreign.json");
  writeFileSync(path, JSON.stringify(foreign()));
  const tokenizer = readTokenizer(path);
  assert.deepEqual(tokenizer.specials, { pad: 0, unknown: 1, classify: 2, separator: 3, mask: 4 });
  assert.deepEqual([...encodeForModel(tokenizer, "Cafés [MASK]").ids], [2, 5, 6, 4, 3]);
  assert.deepEqual([...encodeForModel(tokenizer, "cafe", "what").typeIds], [0, 0, 1]);
  assert.deepEqual(decodeTokenizerJson(JSON.parse(encodeTokenizerJson(tokenizer)), path), tokenizer);
});

test("templates that have a name of their own are read as Hugging Face's library reads them", () => {
  const tokens = { sep: ["[SEP]", 3], cls: ["[CLS]", 2] };
  const bert = { type: "BertProcessing", ...tokens };
  const byteLevel = { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true };
  const framed = [2, 5, 3];
  // Ids of one text, and ids and segments of two, as `tokenizers` 0.23 gives them for these.
  for (const [processor, single, pair, segments] of [
    [bert, framed, [2, 5, 3, 6, 3], [0, 0, 0, 1, 1]],
    [{ type: "RobertaProcessing", ...tokens }, framed, [2, 5, 3, 3, 6, 3], [0, 0, 0, 0, 0, 0]],
    [byteLevel, [5], [5, 6], [0, 1]],
    [{ type: "Sequence", processors: [byteLevel, bert] }, framed, [2, 5, 3, 6, 3], [0, 0, 0, 1, 1]],
  ] as const) {
    const file = { ...foreign(), post_processor: processor };
    const vocab = { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, a: 5, b: 6 };
    const tokenizer = decodeTokenizerJson(change(file as unknown as Foreign, { vocab }), "named.json");
    assert.deepEqual([...encodeForModel(tokenizer, "a").ids], single, processor.type);
    const { ids, typeIds } = encodeForModel(tokenizer, "a", "b");
    assert.deepEqual([[...ids], [...typeIds]], [pair, segments], processor.type);
    assert.deepEqual(decodeTokenizerJson(JSON.parse(encodeTokenizerJson(tokenizer)), "own.json"), tokenizer);
  }
});

type Foreign = ReturnType<typeof foreign>;

const refusals: readonly (readonly [what: string, change: (file: Foreign) => object, message: RegExp])[] = [
  ["a list", () => [], /the JSON object is missing/],
  ["no model", ({ model, ...rest }) => rest, /model is missing/],
  ["another model", file => ({ ...file, model: { type: "Runes", vocab: {} } }), /model "Runes" is none of WordPiece/],
  ["a model of no name", file => ({ ...file, model: { vocab: {} } }), /model undefined is none of WordPiece/],
  [
    "another prefix",
    file => change(file, { continuing_subword_prefix: "@@" }),
    /continuing_subword_prefix is not "##"/,
  ],
  ["a limit that is no number", file => change(file, { max_input_chars_per_word: "100" }), /max_input_chars_per_word/],
  ["no vocabulary", file => change(file, { vocab: [] }), /model\.vocab is missing/],
  ["a gap in the ids", file => change(file, { vocab: { "[UNK]": 0, a: 2 } }), /the id 2 of "a" is not one of 0 to 1/],
  ["an id twice", file => change(file, { vocab: { "[UNK]": 0, a: 0 } }), /"\[UNK\]" and "a" have the same id 0/],
  ["an id that is no number", file => change(file, { vocab: { a: "0" } }), /the id 0 of "a"/],
  ["no unknown token", file => change(file, { unk_token: "<unk>" }), /the vocabulary has no <unk>/],
  ["merges that are left out at random", file => bpe(file, { dropout: 0.1 }), /model\.dropout is set/],
  ["pieces with a prefix", file => bpe(file, { continuing_subword_prefix: "##" }), /continuing_subword_prefix is set/],
  ["bytes that are no tokens", file => bpe(file, { byte_fallback: true }), /model\.vocab has no <0x00>/],
  [
    "bytes that end no word",
    file => ({ ...bpe(file, { end_of_word_suffix: "</w>", vocab: bytes }), pre_tokenizer: byteLevel }),
    /no token for the byte 0 at the end of a word/,
  ],
  [
    "half the bytes of a Unigram",
    file => ({
      ...file,
      model: { type: "Unigram", unk_id: 0, byte_fallback: true, vocab: ["[UNK]", "<0x00>"].map(token => [token, -1]) },
    }),
    /model\.vocab has no <0x01>/,
  ],
  ["truncation", file => ({ ...file, truncation: { max_length: 512 } }), /truncation is set/],
  ["padding", file => ({ ...file, padding: { strategy: "BatchLongest" } }), /padding is set/],
  ["another decoder", file => ({ ...file, decoder: { type: "Metaspace" } }), /decoder \{"type":"Metaspace"\}/],
  [
    "a decoder of sounds",
    file => ({ ...file, decoder: sequenceOf("decoders", { type: "CTC" }) }),
    /decoder \{"type":"CTC"\}/,
  ],
  [
    "a decoder with a rich pattern",
    file => ({ ...file, decoder: { type: "Replace", pattern: { Regex: "\\bx" }, content: "" } }),
    /decoder \{"type":"Replace"/,
  ],
  ["added tokens of no list", file => ({ ...file, added_tokens: {} }), /added_tokens is not a list/],
  [
    "an added token without text",
    file => ({ ...file, added_tokens: [{ id: 0 }] }),
    /added token undefined is not a text/,
  ],
  ["an added token of another id", file => withAdded(file, { id: 7 }), /"\[MASK\]" has the id 7, and its place is 4/],
  [
    "an added token beyond its place",
    file => withAdded(file, { content: "new", id: 8 }),
    /"new" has the id 8, and its place is 7/,
  ],
  [
    "added tokens that are one",
    file => withAdded(file, { content: "[CLS]", id: 2 }),
    /"\[CLS\]" and "\[CLS\]" are written alike/,
  ],
  [
    "added tokens that are one once normalised",
    file => ({
      ...file,
      added_tokens: [
        { content: "É", id: 7, normalized: true },
        { content: "e", id: 8, normalized: true },
      ],
    }),
    /"É" and "e" are written alike/,
  ],
  [
    "an added token of which nothing is left",
    file => withAdded(file, { content: "\u0301", id: 7, normalized: true }),
    /is nothing once normalised/,
  ],
  [
    "an unknown token that was added",
    file => ({ ...withAdded(file, { content: "<unk>", id: 7 }, 1), model: { ...file.model, unk_token: "<unk>" } }),
    /"<unk>", which the model needs, is not in model\.vocab/,
  ],
  ["another normalizer", file => ({ ...file, normalizer: { type: "Runes" } }), /normalizer "Runes"/],
  [
    "a map that is none",
    file => ({ ...file, normalizer: { type: "Precompiled", precompiled_charsmap: "AAAA" } }),
    /without its map/,
  ],
  ["a normalizer of no object", file => ({ ...file, normalizer: "NFD" }), /normalizer is not an object/],
  ["a sequence of none", file => ({ ...file, normalizer: { type: "Sequence" } }), /Sequence has no list/],
  ["one of a sequence", file => ({ ...file, normalizer: sequence({ type: "ByteLevel" }) }), /normalizer "ByteLevel"/],
  [
    "half a BertNormalizer",
    file => ({ ...file, normalizer: { type: "BertNormalizer", lowercase: true } }),
    /without clean_text/,
  ],
  ["a rich pattern", file => ({ ...file, normalizer: replace({ Regex: "\\bx" }) }), /Replace with "\\\\b" in/],
  ["a strip of no side", file => ({ ...file, normalizer: { type: "Strip" } }), /Strip without its sides/],
  ["nothing prepended", file => ({ ...file, normalizer: { type: "Prepend" } }), /Prepend without its text/],
  [
    "an empty pattern",
    file => ({ ...file, normalizer: replace({ String: "" }) }),
    /Replace with the pattern \{"String":""\}/,
  ],
  [
    "bytes of another model",
    file => ({ ...file, pre_tokenizer: byteLevel }),
    /WordPiece behind the pre_tokenizer ByteLevel/,
  ],
  [
    "bytes cut again",
    file => ({ ...file, pre_tokenizer: sequenceOf("pretokenizers", byteLevel, { type: "Whitespace" }) }),
    /ByteLevel before another one/,
  ],
  [
    "another pre-tokenizer",
    file => ({ ...file, pre_tokenizer: { type: "UnicodeScripts" } }),
    /"UnicodeScripts" is none of/,
  ],
  ["pre-tokenizers of no list", file => ({ ...file, pre_tokenizer: { type: "Sequence" } }), /no list of pretokenizers/],
  ["a delimiter of two", file => ({ ...file, pre_tokenizer: { type: "CharDelimiterSplit", delimiter: "ab" } }), /"ab"/],
  ["digits of no kind", file => ({ ...file, pre_tokenizer: { type: "Digits" } }), /Digits without individual_digits/],
  ["a split of nothing", file => ({ ...file, pre_tokenizer: split({ String: "" }) }), /Split with the pattern/],
  [
    "a pattern that we do not know",
    file => ({ ...file, pre_tokenizer: split({ Regex: "a\\b" }) }),
    /Split with "\\\\b" in/,
  ],
  [
    "another behaviour",
    file => ({ ...file, pre_tokenizer: { ...split({ String: "a" }), behavior: "Removes" } }),
    /"Split" with the behavior "Removes"/,
  ],
  [
    "another space",
    file => ({ ...file, pre_tokenizer: { type: "Metaspace", replacement: "_" } }),
    /Metaspace with the replacement "_"/,
  ],
  [
    "another post-processor",
    file => ({ ...file, post_processor: { type: "Runes" } }),
    /post_processor "Runes" is none of/,
  ],
  [
    "two templates",
    file => ({ ...file, post_processor: { type: "Sequence", processors: [file.post_processor, file.post_processor] } }),
    /more than one template/,
  ],
  ["a sequence of no processors", file => ({ ...file, post_processor: { type: "Sequence" } }), /no list of processors/],
  [
    "a frame of another id",
    file => ({ ...file, post_processor: { type: "BertProcessing", sep: ["[SEP]", 4], cls: ["[CLS]", 2] } }),
    /"\[SEP\]" does not stand for its own id/,
  ],
  ["a third segment", file => withSingle(file, { Sequence: { id: "A", type_id: 2 } }), /type_id 2/],
  ["a third text", file => withSingle(file, { Sequence: { id: "C", type_id: 0 } }), /sequence C/],
  ["a part of no kind", file => withSingle(file, {}), /type_id undefined/],
  [
    "a template token of no id",
    file => withSingle(file, { SpecialToken: { id: "[X]", type_id: 0 } }),
    /"\[X\]" does not stand/,
  ],
  [
    "a template of no list",
    file => ({ ...file, post_processor: { type: "TemplateProcessing", single: 1 } }),
    /single is not a list/,
  ],
];

const change = (file: Foreign, changed: object) => ({ ...file, model: { ...file.model, ...changed } });
const bytes = Object.fromEntries(byteLetters.map((letter, id) => [letter, id]));
const bpe = (file: Foreign, changed: object) => {
  const { vocab } = file.model as { vocab: object };
  return { ...file, decoder: null, model: { type: "BPE", unk_token: "[UNK]", vocab, merges: [], ...changed } };
};
const withAdded = (file: Foreign, changed: object, added = 4) => ({
  ...file,
  added_tokens: file.added_tokens.map((token, id) => (id === added ? { ...token, ...changed } : token)),
});
const sequence = (...normalizers: object[]) => ({ type: "Sequence", normalizers: [{ type: "NFD" }, ...normalizers] });
const sequenceOf = (list: string, ...steps: object[]) => ({ type: "Sequence", [list]: steps });
const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
const split = (pattern: object) => ({ type: "Split", pattern, behavior: "Isolated", invert: false });
const replace = (pattern: object) => ({ type: "Replace", pattern, content: " " });
const withSingle = (file: Foreign, part: object) => ({
  ...file,
  post_processor: { ...file.post_processor, single: [part] },
});

for (const [what, changeFile, message] of refusals) {
  test(`refuses ${what}`, () => {
    const decode = () => decodeTokenizerJson(changeFile(foreign()), "some/tokenizer.json");
    assert.throws(decode, (error: unknown) => {
      assert.ok(error instanceof UserError, String(error));
      assert.equal(error.code, "E_TOKENIZER_UNSUPPORTED");
      assert.ok(error.message.startsWith("some/tokenizer.json: "));
      assert.match(error.message, message);
      return true;
    });
  });
}

test("a template token that stands for another id is refused", () => {
  const file = foreign();
  file.post_processor.special_tokens["[SEP]"].ids = [2];
  assert.throws(() => decodeTokenizerJson(file, "t.json"), /"\[SEP\]" does not stand for its own id/);
});

test("a file that is missing or no JSON is told as such", () => {
  const broken = join(folder, "broken.json");
  writeFileSync(broken, "{");
  assert.throws(() => readTokenizer(broken), { code: "E_JSON" });
  assert.throws(() => readTokenizer(join(folder, "none.json")), { code: "E_FILE_MISSING" });
});
