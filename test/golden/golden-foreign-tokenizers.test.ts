// How models from elsewhere read text: byte-level BPE, a bare vocab.txt and a tokenizer.json of BERT's against the ids of Hugging
// Face's `tokenizers` (scripts/make-foreign-tokenizers.py), and what cannot be read.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../../src/base/errors.ts";
import { openTextReader, type TextReader } from "../../src/pretrained/text-reader.ts";
import { defineTokenizer } from "../../src/tokenizer/define.ts";
import { encodeTokenizerJson } from "../../src/tokenizer/tokenizer-json.ts";

interface Golden {
  readonly texts: string[];
  readonly bpe: { readonly tokenizer: Record<string, unknown>; readonly ids: number[][] };
  readonly vocabulary: string[];
  readonly uncased: number[][];
  readonly cased: number[][];
  /** By kind: texts that spell out special and added tokens, as transformers reads them. */
  readonly spelled: Record<string, Spelled>;
}

interface Spelled {
  readonly tokenizer: { readonly added_tokens: readonly object[] };
  readonly texts: string[];
  readonly ids: number[][];
  /** With split_special_tokens. */
  readonly split: number[][];
  /** With the special tokens around a text. */
  readonly framed: number[][];
}

const path = new URL("../../../test/golden/expected/foreign-tokenizers.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;

const root = mkdtempSync(join(tmpdir(), "cram-text-reader-"));
after(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A folder of these files; what is no text is written as JSON. */
function writeFolder(files: Record<string, unknown>): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return folder;
}

const encodeAll = ({ encodeText }: TextReader) => golden.texts.map(text => Array.from(encodeText(text)));

const vocabularyFile = golden.vocabulary.map(token => `${token}\n`).join("");

test("byte-level BPE", async () => {
  const reader = await openTextReader(writeFolder({ "tokenizer.json": golden.bpe.tokenizer }));
  assert.deepEqual(encodeAll(reader), golden.bpe.ids);
  assert.deepEqual(reader.specials, { pad: 1, unknown: 3, classify: 0, separator: 2, mask: 4 });
  assert.equal(reader.vocabulary, 300);
  assert.equal(reader.tokenOf(4), "<mask>");
});

test("a vocab.txt alone is BERT's, cased or not as the settings say", async () => {
  for (const [settings, ids] of [
    [undefined, golden.uncased],
    [{ do_lower_case: true }, golden.uncased],
    [{ do_lower_case: false }, golden.cased],
  ] as const) {
    const reader = await openTextReader(
      writeFolder({ "vocab.txt": vocabularyFile, ...(settings && { "tokenizer_config.json": settings }) }),
    );
    assert.deepEqual(encodeAll(reader), ids);
    assert.deepEqual(reader.specials, { pad: 0, unknown: 1, classify: 2, separator: 3, mask: 4 });
    assert.equal(reader.vocabulary, golden.vocabulary.length);
  }
});

test("a WordPiece tokenizer.json is read by our encoder, whatever it says of truncation", async () => {
  const reader = await openTextReader(writeFolder({ "vocab.txt": vocabularyFile }));
  const data = {
    vocabulary: golden.vocabulary,
    normaliser: [{ step: "bert", cleanText: true, separateIdeographs: true, stripAccents: true, lowercase: true }],
    model: { kind: "wordpiece", longestWord: 100 },
    preTokenizer: { name: "bert", prefixSpace: "never" },
    specialTokens: golden.vocabulary.slice(0, 5),
    specials: reader.specials,
    maskTakesSpace: false,
    template: null,
  } as const;
  const json = JSON.parse(encodeTokenizerJson(data)) as object;
  const again = await openTextReader(writeFolder({ "tokenizer.json": { ...json, truncation: { max_length: 8 } } }));
  assert.deepEqual(encodeAll(again), golden.uncased);
  assert.equal(again.hash, defineTokenizer(data).hash);
});

test("special and added tokens that a text spells out have transformers' ids, by every kind of tokenizer", async () => {
  for (const [kind, { tokenizer, texts, ids, split, framed }] of Object.entries(golden.spelled)) {
    const files = { "tokenizer.json": tokenizer };
    const reader = await openTextReader(writeFolder(files));
    const splitting = { ...files, "tokenizer_config.json": { split_special_tokens: true } };
    const readers = [reader, await openTextReader(writeFolder(splitting))] as const;
    texts.forEach((text, i) => {
      const read = (ids: ArrayLike<number>) => Array.from(ids);
      assert.deepEqual(read(readers[0].encodeText(text)), ids[i], `${kind}: ${text}`);
      assert.deepEqual(read(readers[1].encodeText(text)), split[i], `${kind}, split: ${text}`);
      assert.deepEqual(read(readers[0].encodeForModel(text)), framed[i], `${kind}, framed: ${text}`);
      assert.deepEqual(
        read(readers[0].encodeForModel(text, "as-text")).slice(1, -1),
        split[i],
        `${kind}, asked: ${text}`,
      );
      assert.deepEqual(read(readers[1].encodeForModel(text, "recognise")), framed[i], `${kind}, asked: ${text}`);
    });
  }
});

test("the settings name the special tokens", async () => {
  const settings = { mask_token: { content: "cat" }, cls_token: "[CLS]" };
  const files = { "vocab.txt": vocabularyFile, "tokenizer_config.json": settings };
  const reader = await openTextReader(writeFolder(files));
  assert.equal(reader.tokenOf(reader.specials.mask), "cat");
  assert.equal(reader.tokenOf(reader.specials.separator), "[SEP]");
  const named = { mask_token: "Ġcat", pad_token: { content: "</s>" } };
  const bpe = await openTextReader(
    writeFolder({ "tokenizer.json": golden.bpe.tokenizer, "tokenizer_config.json": named }),
  );
  assert.equal(bpe.tokenOf(bpe.specials.mask), "Ġcat");
  assert.equal(bpe.tokenOf(bpe.specials.pad), "</s>");
  assert.equal(bpe.tokenOf(bpe.specials.unknown), "<unk>");
});

test("what cannot be read is refused", async () => {
  const refusal = (code: string, message: RegExp) => (error: unknown) =>
    error instanceof UserError && error.code === code && message.test(error.message);
  await assert.rejects(openTextReader(writeFolder({})), refusal("E_FILE_MISSING", /tokenizer\.json/));
  await assert.rejects(
    openTextReader(writeFolder({ "vocab.txt": vocabularyFile.replace("[MASK]", "[MUSK]") })),
    refusal("E_TOKENIZER_UNSUPPORTED", /no <mask> or \[MASK\]/),
  );
  const strange = { ...golden.bpe.tokenizer, model: { type: "Runes" } };
  await assert.rejects(
    openTextReader(writeFolder({ "tokenizer.json": strange })),
    refusal("E_TOKENIZER_UNSUPPORTED", /tokenizer\.json/),
  );
});
