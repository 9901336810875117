// Readers of the road from text to tokens: texts in every format, documents, datasets, tokenizers.

import { join } from "node:path";
import { readDocuments } from "../../../src/corpus/documents.ts";
import { Dataset } from "../../../src/dataset/dataset.ts";
import { prepare } from "../../../src/library.ts";
import { openTextReader } from "../../../src/pretrained/text-reader.ts";
import type { Form } from "../mutations/mutators.ts";
import type { Reader } from "./reader.ts";

const forms: Readonly<Record<string, Form>> = {
  ...{ txt: "text", md: "text", html: "text", csv: "text", tsv: "text", json: "json", jsonl: "lines" },
  ...{ parquet: "binary", "jsonl.gz": "binary", "jsonl.zst": "binary" },
};

/** Prepares the text; what was kept names the reading. */
async function prepareText(path: string): Promise<unknown> {
  const out = `${path}.data`;
  const shape = { vocabulary: 80, sequenceLength: 8, holdOut: 0.5, threads: 1 };
  const { documents } = await prepare({ texts: [path], out, ...shape });
  return documents?.hash;
}

const texts = Object.entries(forms).map(
  ([ending, form]): Reader => ({
    name: `text .${ending}`,
    from: `texts/text.${ending}`,
    form,
    // Packed, it carries a checksum of what it holds.
    sealed: ending === "jsonl.gz" || ending === "jsonl.zst",
    // Markup is no text.
    refused: ending === "html",
    read: prepareText,
  }),
);

async function readAllDocuments(folder: string): Promise<unknown> {
  const read: string[] = [];
  for await (const text of readDocuments(join(folder, "documents"))) read.push(text);
  return read;
}

/** Every sequence, as training reads them after the check that it begins with. */
function readDataset(folder: string): unknown {
  const dataset = new Dataset(folder);
  try {
    dataset.verify();
    const { manifest, tokenizer } = dataset;
    const { training, validation, hash, vocabulary, sequenceLength } = manifest;
    return [
      // What training depends on; what became of the text is told and no more.
      ...[tokenizer.vocabulary, hash, vocabulary, sequenceLength],
      ...[dataset.readTraining(0, training.sequences, 4, 0), dataset.readValidation(0, validation.sequences, 4)],
    ];
  } finally {
    dataset.close();
  }
}

async function readTokens(folder: string): Promise<unknown> {
  const { encodeText, specials, vocabulary, tokenOf } = await openTextReader(folder);
  const texts = ["the red fox sleeps.", "Café déjà vu 日本語 1234567", "foxes ".repeat(20)];
  const ids = texts.map(text => Array.from(encodeText(text)));
  return [ids, specials, vocabulary, ids[0]!.map(tokenOf)];
}

export const textReaders: readonly Reader[] = [
  ...texts,
  ...(
    [
      ["documents/manifest.json", "json"],
      ["documents/documents-00000.jsonl", "lines"],
    ] as const
  ).map(
    ([damaged, form]): Reader => ({
      ...{ name: damaged, from: "data", damaged, form, read: readAllDocuments },
      sealed: form === "lines",
    }),
  ),
  ...(
    [
      ["manifest.json", "json", true],
      ["tokenizer.json", "json", true],
      ["training-00000.bin", "binary", true],
      ["validation-00000.bin", "binary", true],
    ] as const
  ).map(
    ([damaged, form, sealed]): Reader => ({
      ...{ name: `dataset ${damaged}`, from: "data", damaged, form, sealed, read: readDataset },
    }),
  ),
  { name: "BPE tokenizer.json", from: "foreign/bpe", damaged: "tokenizer.json", form: "json", read: readTokens },
  { name: "BERT vocab.txt", from: "foreign/bert", damaged: "vocab.txt", form: "text", read: readTokens },
  {
    ...{ name: "BERT tokenizer_config.json", from: "foreign/bert", damaged: "tokenizer_config.json", form: "json" },
    read: readTokens,
  },
  { name: "exported tokenizer.json", from: "run/export", damaged: "tokenizer.json", form: "json", read: readTokens },
];
