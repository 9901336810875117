// A tokenizer learned from the text it is for, and before that one for the paper's filter to judge documents with.

import { systemClock } from "../../base/clock.ts";
import { permutation, streams } from "../../base/random.ts";
import { type SelectOptions, selectDocuments } from "../../corpus/select.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { defineLearnedTokenizer, normaliserBefore } from "../../tokenizer/define.ts";
import { findTokenizerKind } from "../../tokenizer/kinds/kinds.ts";
import { type WordCount, WordCounter } from "../../tokenizer/learning/count-words.ts";
import { specialTokens, type Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { DatasetOptions } from "./dataset-options.ts";
import { createProgress, type StageName, type StageProgress } from "./stages/progress.ts";

/** A tokenizer of the counted words, of the kind and with the vocabulary that the options ask for. */
export function learnTokenizer(
  words: readonly WordCount[],
  options: DatasetOptions,
  onProgress: (tokens: number) => void,
): Tokenizer {
  const { vocabulary: vocabularySize, alphabetLimit, normaliser, tokenizerKind, preTokenizer, threads } = options;
  const { vocabulary, model } = findTokenizerKind(tokenizerKind).learn(words, {
    vocabularySize,
    specialTokens,
    preTokenizer,
    alphabetLimit,
    threads,
    onProgress,
  });
  return defineLearnedTokenizer(vocabulary, normaliserBefore(normaliser, preTokenizer), preTokenizer, model);
}

/** Characters that the filter's tokenizer is learned from, at most. */
const sampledCharacters = 2 ** 26;

/**
 * A tokenizer for judging documents, learned from the text itself, so no outside data decides: from all of it, or, where that is much,
 * from shards drawn at random until there is enough.
 */
export async function learnFilterTokenizer(
  shards: readonly Shard[],
  select: SelectOptions,
  options: DatasetOptions,
  onStage: (progress: StageProgress) => void,
): Promise<Tokenizer> {
  const words = new WordCounter(normaliserBefore(options.normaliser, options.preTokenizer), options.preTokenizer);
  let characters = 0;
  let bytes = 0;
  const total = shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const isMuch = total > sampledCharacters;
  const stage = "sampling for the filter";
  const describe = isMuch
    ? createProgress<StageName>(stage, systemClock, sampledCharacters, "characters")
    : createProgress<StageName>(stage, systemClock, total, "bytes");
  const order = isMuch ? permutation(shards.length, 0, streams.sampling, 2) : shards.keys();
  const drawn = Array.from(order, i => shards[i]!);
  const counted = { ...select, onBytes: (count: number) => void (bytes += count) };
  let documents = 0;
  for await (const { text } of selectDocuments(drawn, counted)) {
    words.addText(text);
    characters += text.length;
    if (isMuch && characters >= sampledCharacters) break;
    if (++documents % 256 === 0) onStage(describe(isMuch ? characters : bytes));
  }
  const describeLearned = createProgress<StageName>(
    "learning for the filter",
    systemClock,
    options.vocabulary,
    "tokens",
  );
  return learnTokenizer(words.wordCounts(), options, tokens => onStage(describeLearned(tokens)));
}
