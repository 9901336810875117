// From text to a dataset in one folder: documents/, tokenizer.json, shards, manifest.json. Shared by prepare and quickstart.
// A folder that was made from the same files with the same options is left as it is.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { contentHash } from "../base/files.ts";
import { type DocumentsManifest, readDocuments, writeDocuments } from "../corpus/documents.ts";
import { startFunnel } from "../corpus/funnel.ts";
import { type SelectOptions, selectDocuments } from "../corpus/select.ts";
import type { Source } from "../corpus/sources.ts";
import { buildDataset } from "../dataset/build.ts";
import { type DatasetManifest, readManifest } from "../dataset/manifest.ts";
import { WordCounter } from "../tokenizer/count-words.ts";
import { defineLearnedTokenizer } from "../tokenizer/define.ts";
import { Encoder } from "../tokenizer/encode.ts";
import { learnVocabulary } from "../tokenizer/learn.ts";
import { type NormaliserName, normalisers } from "../tokenizer/normaliser.ts";
import type { PreTokenizer } from "../tokenizer/split.ts";
import { specialTokens, type Tokenizer } from "../tokenizer/tokenizer.ts";

export interface PrepareOptions {
  readonly vocabulary: number;
  readonly sequenceLength: number;
  readonly normaliser: NormaliserName;
  readonly preTokenizer: PreTokenizer;
  readonly textField: string;
  /** Documents with as many tokens a character or more are dropped; undefined keeps them all. */
  readonly maxTokensPerCharacter: number | undefined;
  readonly holdOut: number;
  readonly seed: number;
  readonly threads: number;
}

export interface Prepared {
  readonly manifest: DatasetManifest;
  /** Undefined when the dataset stood there already. */
  readonly documents: DocumentsManifest | undefined;
}

export async function prepareDataset(
  folder: string,
  sources: readonly Source[],
  options: PrepareOptions,
  showProgress: (what: string) => void,
): Promise<Prepared> {
  const { threads: _, ...shaping } = options;
  const files = sources.map(({ path, bytes, changedMilliseconds }) => [path, bytes, changedMilliseconds]);
  const originHash = contentHash(JSON.stringify([files, shaping]));
  if (existsSync(join(folder, "manifest.json"))) {
    const manifest = readManifest(folder);
    if (manifest.originHash === originHash) return { manifest, documents: undefined };
  }
  const progress = (what: string) => (count: number) => showProgress(`${what} ${count.toLocaleString("en-US")}`);
  const select: SelectOptions = { textField: options.textField };
  const filter =
    options.maxTokensPerCharacter === undefined
      ? {}
      : {
          compressibility: {
            maxTokensPerCharacter: options.maxTokensPerCharacter,
            countTokens: await learnTokenCounter(sources, select, options, showProgress),
          },
        };
  const funnel = startFunnel();
  const words = new WordCounter(normalisers[options.normaliser], options.preTokenizer);
  const selected = (async function* () {
    for await (const document of selectDocuments(sources, { ...select, ...filter }, funnel)) {
      words.addText(document.text);
      yield document;
    }
  })();
  const documentsFolder = join(folder, "documents");
  const documents = await writeDocuments(documentsFolder, selected, funnel, progress("documents"));
  const tokenizer = learnTokenizer(words, options, progress("learning the tokenizer: tokens"));
  const manifest = await buildDataset(folder, readDocuments(documentsFolder), tokenizer, {
    sequenceLength: options.sequenceLength,
    holdOut: options.holdOut,
    seed: options.seed,
    threads: options.threads,
    documentsHash: documents.hash,
    originHash,
    onProgress: (done, sequences) =>
      showProgress(`tokenizing: ${percent(done, documents.documents)}, ${sequences.toLocaleString("en-US")} sequences`),
  });
  return { manifest, documents };
}

function learnTokenizer(words: WordCounter, options: PrepareOptions, onProgress: (tokens: number) => void): Tokenizer {
  const vocabularySize = options.vocabulary;
  const vocabulary = learnVocabulary(words.wordCounts(), { vocabularySize, specialTokens, onProgress });
  return defineLearnedTokenizer(vocabulary, normalisers[options.normaliser], options.preTokenizer);
}

/** A first pass over all text, for a tokenizer of its own to judge documents with: no outside data decides. */
async function learnTokenCounter(
  sources: readonly Source[],
  select: SelectOptions,
  options: PrepareOptions,
  showProgress: (what: string) => void,
): Promise<(text: string) => number> {
  const words = new WordCounter(normalisers[options.normaliser], options.preTokenizer);
  let count = 0;
  for await (const { text } of selectDocuments(sources, select, startFunnel())) {
    words.addText(text);
    if (++count % 1024 === 0) showProgress(`first pass, for the filter: documents ${count.toLocaleString("en-US")}`);
  }
  const encoder = new Encoder(learnTokenizer(words, options, () => {}));
  return text => encoder.encode(text, "as-text").length;
}

const percent = (done: number, all: number) => `${((100 * done) / Math.max(all, 1)).toFixed(0)} %`;
