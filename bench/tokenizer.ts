// `tokenizer`: the text of a .jsonl encoded by ours and by Hugging Face's native `tokenizers`, each with one thread, by a WordPiece and a
// byte-level BPE that are learned from it. Ids are compared first; tables of words are warm, as they are within a corpus.

import { systemClock } from "../src/base/clock.ts";
import { defineLearnedTokenizer } from "../src/tokenizer/define.ts";
import { Encoder } from "../src/tokenizer/encoding/encode.ts";
import { findTokenizerKind } from "../src/tokenizer/kinds/kinds.ts";
import { WordCounter } from "../src/tokenizer/learning/count-words.ts";
import { normalisers } from "../src/tokenizer/normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../src/tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../src/tokenizer/tokenizer-json.ts";
import { readTexts } from "./corpus/texts.ts";
import { formatFigure, type Reporter } from "./report.ts";
import { alternate, type RoundOptions } from "./rounds.ts";

export interface TokenizerOptions extends RoundOptions {
  /** A .jsonl or .jsonl.gz with a field "text". */
  readonly file: string;
  readonly vocabulary: number;
}

const cases = [
  ["wordpiece", "whitespace"],
  ["bpe", "byte-level"],
] as const;

/** Documents that a call of the peer encodes together. */
const batchDocuments = 64;

export async function benchTokenizer(options: TokenizerOptions, reporter: Reporter): Promise<void> {
  // Read when its library is loaded.
  process.env.RAYON_NUM_THREADS = "1";
  const { Tokenizer: Native } = await import("tokenizers");
  const texts = readTexts(options.file);
  const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
  const rows: string[][] = [];
  for (const [kind, preTokenizer] of cases) {
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
    await checkIds(tokenizer, texts, encodeNative);
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
    reporter.record({ benchmark: "tokenizer", kind, megabytes, learnSeconds, ours, theirs, ratio: ours / theirs });
    rows.push([kind, ...[learnSeconds, ours, theirs, ours / theirs].map(formatFigure)]);
  }
  reporter.heading(`${options.file}: ${formatFigure(megabytes)} MB, one thread each, the same ids`);
  reporter.table(["kind", "learned in s", "ours MB/s", "tokenizers MB/s", "ratio"], rows);
}

async function checkIds(
  tokenizer: Tokenizer,
  texts: readonly string[],
  encodeNative: (visit: (ids: number[], document: number) => void) => Promise<void>,
): Promise<void> {
  const encoder = new Encoder(tokenizer);
  await encodeNative((ids, document) => {
    const ours = encoder.encode(texts[document]!, "recognise");
    if (ours.length === ids.length && ids.every((id, i) => id === ours[i])) return;
    throw new Error(`document ${document} has other ids there`);
  });
}
