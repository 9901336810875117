// Every verb with every kind of tokenizer, learned or given: text to a dataset, a run, its export, and that one read back. Wherever the
// tokenizer went, its ids are the native library's. Tiny models on the reference backend.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Tokenizer as NativeTokenizer } from "tokenizers";
import { Dataset } from "../../src/dataset/dataset.ts";
import { openTextReader } from "../../src/pretrained/text-reader.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { encodeText } from "../../src/tokenizer/encoding/encode.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { readTokenizer } from "../../src/tokenizer/read-tokenizer.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { writeTokenizer } from "../../src/tokenizer/tokenizer-json.ts";
import { evaluate } from "../../src/verbs/evaluate/evaluate.ts";
import { exportModel } from "../../src/verbs/export/export-model.ts";
import { embed } from "../../src/verbs/model/embed.ts";
import { fill } from "../../src/verbs/model/fill.ts";
import { prepare } from "../../src/verbs/prepare/prepare.ts";
import type { PrepareOptions } from "../../src/verbs/prepare/prepare-options.ts";
import { pretrain } from "../../src/verbs/pretrain/pretrain.ts";

const root = mkdtempSync(join(tmpdir(), "cram-tokenizer-kinds-"));
after(() => rmSync(root, { recursive: true }));

const animals = ["fox", "owl", "hen", "Cat", "dog", "bee"];
const sentence = (i: number) => `The ${animals[i % 6]} sleeps, by the ${animals[i % 5]}'s den ${i % 9}… naïve?`;
const text = join(root, "text.jsonl");
const sentences = Array.from({ length: 80 }, (_, i) => sentence(i));
writeFileSync(text, sentences.map(sentence => JSON.stringify({ text: sentence })).join("\n"));
const task = join(root, "task.csv");
const rows = Array.from({ length: 8 }, (_, i) => `"${sentence(i)}",${i % 2 ? "no" : "yes"}`);
writeFileSync(task, ["text,awake", ...rows].join("\n"));

/** A model's folder in which special tokens have names that tokenizer_config.json alone tells; its tokenizer.json may have them added. */
function nameSpecials(folder: string, isAdded: boolean): string {
  const inTurn = ["(pad)", "(unk)", "(begin)", "(end)", "(gap)"];
  const words = [
    "the",
    "sleeps",
    ",",
    "by",
    "'",
    "s",
    "den",
    "...",
    "?",
    "naive",
    ...animals.map(each => each.toLowerCase()),
  ];
  const added = inTurn.map((content, id) => ({ id, content, special: true, normalized: false, ...spaces }));
  const template = { single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "(end)", type_id: 0 } }] };
  const json = {
    ...{ version: "1.0", truncation: null, padding: null, added_tokens: isAdded ? added : [] },
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      ...{ type: "TemplateProcessing", ...template, pair: [...template.single, { Sequence: { id: "B", type_id: 1 } }] },
      special_tokens: { "(end)": { id: "(end)", ids: [3], tokens: ["(end)"] } },
    },
    decoder: null,
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries([...inTurn, ...words].map((token, id) => [token, id])),
      unk_token: "(unk)",
    },
  };
  const [pad_token, unk_token, cls_token, sep_token, mask_token] = inTurn;
  mkdirSync(folder);
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
  writeFileSync(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ pad_token, unk_token, cls_token, sep_token, mask_token }),
  );
  return folder;
}
const spaces = { single_word: false, lstrip: false, rstrip: false };
const named = nameSpecials(join(root, "named"), true);

const cases: Readonly<Record<string, Partial<PrepareOptions>>> = {
  "bpe of bytes": { vocabulary: 300, tokenizerKind: "bpe", normaliser: "keep" },
  "bpe behind metaspace": { vocabulary: 90, tokenizerKind: "bpe", preTokenizer: "metaspace" },
  "unigram behind metaspace": { vocabulary: 70, tokenizerKind: "unigram", normaliser: "keep" },
  "unigram of bare words": { vocabulary: 70, tokenizerKind: "unigram", preTokenizer: "whitespace" },
  words: { vocabulary: 30, tokenizerKind: "wordlevel" },
  "of a folder that names its special tokens": { tokenizer: named },
  "of its tokenizer.json": { tokenizer: join(named, "tokenizer.json") },
  "of a folder that names tokens it has not added": { tokenizer: nameSpecials(join(root, "bare"), false) },
};

const choice = { backend: "reference" } as const;
for (const [name, options] of Object.entries(cases)) {
  test(name, async () => {
    const at = (what: string) => join(root, name, what);
    const [data, run, exported] = [at("data"), at("run"), at("exported")];
    const { manifest } = await prepare({
      ...{ texts: [text], out: data, sequenceLength: 40, holdOut: 0.2, threads: 1 },
      ...options,
    });
    const { vocabulary } = manifest;
    const tokenizer = readTokenizer(join(data, "tokenizer.json"));
    const mask = tokenizer.vocabulary[tokenizer.specials.mask]!;
    const asked = [sentence(3), `the ${mask} sleeps, by\n the ${mask}.`, "zebra"];
    const native = NativeTokenizer.fromString(readFileSync(join(data, "tokenizer.json"), "utf8"));
    const expected = (await native.encodeBatch(asked)).map(each => each.getIds());
    assert.ok(manifest.training.sequences > 0);
    const set = [
      ...["width=8", "layers=1", "heads=1", "feedForward=8", "sequenceLength=40", `vocabulary=${vocabulary}`].map(
        pair => `model.${pair}`,
      ),
      ...[
        "schedule.batchSequences=2",
        "train.microBatchSequences=2",
        "train.validations=1",
        "data.validationSequences=2",
      ],
    ];
    const trained = await pretrain({ data, out: run, recipe: "quickstart", set, budget: "2steps", ...choice });
    assert.ok(trained.validationLoss! > 0);
    const { out } = await exportModel(run, { ...choice, out: exported, formats: ["huggingface"] });
    // transformers warns of each.
    assert.doesNotMatch(readFileSync(join(out, "tokenizer.json"), "utf8"), /"roles"/);

    for (const folder of [run, out]) {
      const reader = await openTextReader(folder);
      assert.deepEqual(
        asked.map(text => Array.from(reader.encodeForModel(text, "recognise"))),
        expected,
      );
      assert.equal(reader.hash, tokenizer.hash);
    }
    const [filled] = await fill(run, [asked[1]!], choice);
    assert.equal(filled!.masks.length, 2);
    const [vector] = await embed(run, [sentence(1)], choice);
    const [again] = await embed(out, [sentence(1)], choice);
    assert.deepEqual(again, vector);
    assert.equal((await fill(out, [asked[1]!], choice))[0]!.masks[0]!.candidates.length, 5);
    const own = { task, text: ["text"], label: "awake", seeds: 1, ...choice };
    const short = ["maxLength=16", "epochs=1", "batchSequences=4", "headWidth=8", "head=gelu-norm", "precision=f32"];
    const { scoreboard } = await evaluate(run, { ...own, set: short });
    assert.ok(scoreboard !== undefined);
  });
}

test("a vocabulary that is named is read, whatever it is called and lies beside it", async () => {
  const folder = join(root, "vocabulary");
  mkdirSync(folder);
  copyFileSync(join(named, "tokenizer.json"), join(folder, "tokenizer.json"));
  const tokens = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "sleeps",
    ...animals.map(each => each.toLowerCase()),
  ];
  for (const name of ["vocab.txt", "mine.txt"]) {
    const path = join(folder, name);
    writeFileSync(path, tokens.join("\n"));
    const out = join(root, `of-${name}`);
    await prepare({ texts: [text], out, sequenceLength: 16, holdOut: 0.2, threads: 1, tokenizer: path });
    assert.deepEqual(readTokenizer(join(out, "tokenizer.json")).vocabulary, tokens);
  }
});

test("a given tokenizer.json whose ids do not fit in two bytes", async () => {
  const path = join(root, "large.json");
  const many = Array.from({ length: 65_536 }, (_, i) => `w${i}`);
  const words = ["the", "sleeps", "by", "s", "den", ",", "'", "...", ...animals.map(animal => animal.toLowerCase())];
  const given = defineLearnedTokenizer([...specialTokens, ...many, ...words], normalisers["ascii-fold"], "whitespace");
  writeTokenizer(path, given);
  const out = join(root, "large");
  await prepare({ texts: [text], out, sequenceLength: 16, holdOut: 0.2, threads: 1, tokenizer: path });
  const dataset = new Dataset(out);
  try {
    const expected = new Set(encodeText(given, sentences.join("\n"), "as-text"));
    const seen = new Set<number>();
    dataset.visit("training", tokens => tokens.forEach(id => void seen.add(id)));
    assert.ok(expected.size > 12 && Math.max(...expected) > 65_536);
    seen.delete(given.specials.separator);
    assert.deepEqual([...seen].sort(), [...expected].sort());
  } finally {
    dataset.close();
  }
});
