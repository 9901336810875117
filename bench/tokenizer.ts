// `tokenizer`: the text of .jsonl files encoded by ours and by Hugging Face's native `tokenizers`, each with one thread, by tokenizers that
// are learned from it. Ids are compared first; tables of words are warm, as they are within a corpus. With `--prepare` the same files
// become a dataset as well, by one thread and by two.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { defineLearnedTokenizer } from "../src/tokenizer/define.ts";
import { Encoder } from "../src/tokenizer/encoding/encode.ts";
import type { PreTokenizerName } from "../src/tokenizer/encoding/pre-tokenizer.ts";
import { findTokenizerKind, type TokenizerKindName } from "../src/tokenizer/kinds/kinds.ts";
import { WordCounter } from "../src/tokenizer/learning/count-words.ts";
import { normalisers } from "../src/tokenizer/normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../src/tokenizer/tokenizer-json.ts";
import { readTexts } from "./corpus/texts.ts";
import { makeTemporaryFolder } from "./folder.ts";
import { measurePrepare } from "./own/own-prepare.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { alternate, type RoundOptions } from "./rounds.ts";

export interface TokenizerOptions extends RoundOptions {
  /** .jsonl or .jsonl.gz with a field "text". */
  readonly files: readonly string[];
  readonly vocabulary: number;
  readonly kinds: readonly TokenizerKindName[];
  /** Whether the files are prepared, too. */
  readonly prepares: boolean;
}

/** Documents that a call of the peer encodes together. */
const batchDocuments = 64;

export async function benchTokenizer(options: TokenizerOptions, reporter: Reporter): Promise<void> {
  // Read when its library is loaded.
  process.env.RAYON_NUM_THREADS = "1";
  const { Tokenizer: Native } = await import("tokenizers");
  const texts = options.files.flatMap(readTexts);
  const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
  const rows: string[][] = [];
  const prepared: string[][] = [];
  for (const kind of options.kinds) {
    const [preTokenizer] = findTokenizerKind(kind).preTokenizers as [PreTokenizerName];
    const start = systemClock.seconds();
    const counter = new WordCounter(normalisers["ascii-fold"], preTokenizer);
    for (const text of texts) counter.addText(text);
    const learning = { vocabularySize: options.vocabulary, specialTokens, preTokenizer };
    const { vocabulary, model } = findTokenizerKind(kind).learn(counter.wordCounts(), learning);
    const learnSeconds = systemClock.seconds() - start;
    const tokenizer = defineLearnedTokenizer(vocabulary, normalisers["ascii-fold"], preTokenizer, model);
    const native = Native.fromString(encodeTokenizerJson(tokenizer));
    const encodeNative = async (visit: (ids: number[], document: number) => void) => {
      for (let first = 0; first < texts.length; first += batchDocuments) {
        const batch = texts.slice(first, first + batchDocuments);
        const encoded = await native.encodeBatch(batch, { addSpecialTokens: false });
        for (const [i, encoding] of encoded.entries()) visit(encoding.getIds(), first + i);
      }
    };
    const ids = await checkIds(tokenizer, texts, encodeNative);
    const encoder = new Encoder(tokenizer);
    const measure = async (times: number, work: () => void | Promise<void>) => {
      const begin = systemClock.seconds();
      for (let i = 0; i < times; i++) await work();
      return systemClock.seconds() - begin;
    };
    const contestants = [
      {
        name: "ours",
        run: (times: number) =>
          measure(times, () => {
            for (const text of texts) encoder.encode(text, "recognise");
          }),
      },
      { name: "tokenizers", run: (times: number) => measure(times, () => encodeNative(() => {})) },
    ];
    const timings = await alternate(contestants, options);
    const [ours, theirs] = timings.map(({ median }) => megabytes / median) as [number, number];
    reporter.record({ benchmark: "tokenizer", kind, megabytes, ids, learnSeconds, ours, theirs, ratio: ours / theirs });
    const counted = ids.toLocaleString("en-US");
    rows.push([kind, counted, ...[learnSeconds, ours, theirs, ours / theirs].map(formatFigure)]);
    if (options.prepares) prepared.push(...(await benchPrepare(options.files, megabytes, tokenizer, reporter)));
  }
  const documents = texts.length.toLocaleString("en-US");
  reporter.heading(`${documents} documents, ${formatFigure(megabytes)} MB, one thread each, the same ids`);
  reporter.table(["kind", "ids", "learned in s", "ours MB/s", "tokenizers MB/s", "ratio"], rows);
  if (!options.prepares) return;
  reporter.heading("whole preparations: read, filtered by tokens a character, encoded, packed, written");
  reporter.table(["kind", "threads", "s", "MB/s", "MB a second of a processor"], prepared);
}

async function benchPrepare(
  files: readonly string[],
  megabytes: number,
  tokenizer: Tokenizer,
  reporter: Reporter,
): Promise<string[][]> {
  const folder = join(makeTemporaryFolder(), tokenizer.hash);
  mkdirSync(folder);
  const rows: string[][] = [];
  const { kind } = tokenizer.model;
  for (const threads of [1, 2]) {
    const { seconds, processorSeconds } = await measurePrepare(files, tokenizer, threads, folder);
    reporter.record({ benchmark: "prepare", kind, threads, megabytes, seconds, processorSeconds });
    const figures = [seconds, megabytes / seconds, megabytes / processorSeconds].map(formatFigure);
    rows.push([kind, String(threads), ...figures]);
  }
  return rows;
}

/** How many ids there are, the same in both. */
async function checkIds(
  tokenizer: Tokenizer,
  texts: readonly string[],
  encodeNative: (visit: (ids: number[], document: number) => void) => Promise<void>,
): Promise<number> {
  const encoder = new Encoder(tokenizer);
  let count = 0;
  await encodeNative((ids, document) => {
    count += ids.length;
    const ours = encoder.encode(texts[document]!, "recognise");
    if (ours.length === ids.length && ids.every((id, i) => id === ours[i])) return;
    throw new Error(`document ${document} has other ids there`);
  });
  return count;
}
