// A tokenizer learned from the text it is for, and before that one for the paper's filter to judge documents with.

import { startFunnel } from "../../corpus/funnel.ts";
import { type SelectOptions, selectDocuments } from "../../corpus/select.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { defineLearnedTokenizer } from "../../tokenizer/define.ts";
import { Encoder } from "../../tokenizer/encoding/encode.ts";
import { findTokenizerKind } from "../../tokenizer/kinds/kinds.ts";
import { WordCounter } from "../../tokenizer/learning/count-words.ts";
import { normalisers } from "../../tokenizer/normalising/normaliser.ts";
import { specialTokens, type Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { DatasetOptions } from "./dataset-options.ts";

/** A tokenizer of the counted words, of the kind and with the vocabulary that the options ask for. */
export function learnTokenizer(
  words: WordCounter,
  options: DatasetOptions,
  onProgress: (tokens: number) => void,
): Tokenizer {
  const { vocabulary: vocabularySize, alphabetLimit, normaliser, tokenizerKind, preTokenizer } = options;
  const { vocabulary, model } = findTokenizerKind(tokenizerKind).learn(words.wordCounts(), {
    vocabularySize,
    specialTokens,
    preTokenizer,
    alphabetLimit,
    onProgress,
  });
  return defineLearnedTokenizer(vocabulary, normalisers[normaliser], preTokenizer, model);
}

/** A first pass over all text, for a tokenizer of its own to judge documents with: no outside data decides. */
export async function learnTokenCounter(
  shards: readonly Shard[],
  select: SelectOptions,
  options: DatasetOptions,
  showProgress: (what: string) => void,
): Promise<(text: string) => number> {
  if (options.tokenizer !== undefined) return countTokensWith(options.tokenizer);
  const words = new WordCounter(normalisers[options.normaliser], options.preTokenizer);
  let count = 0;
  for await (const { text } of selectDocuments(shards, select, startFunnel())) {
    words.addText(text);
    if (++count % 1024 === 0) showProgress(`first pass, for the filter: documents ${count.toLocaleString("en-US")}`);
  }
  return countTokensWith(learnTokenizer(words, options, () => {}));
}

function countTokensWith(tokenizer: Tokenizer): (text: string) => number {
  const encoder = new Encoder(tokenizer);
  return text => encoder.encode(text, "as-text").length;
}
