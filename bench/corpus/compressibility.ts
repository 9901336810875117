// `filter`: what the filter by compressibility takes of texts at several thresholds, by the tokenizer that prepare would learn of them.

import { isCompressible } from "../../src/corpus/compressibility.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { Encoder } from "../../src/tokenizer/encoding/encode.ts";
import { findTokenizerKind } from "../../src/tokenizer/kinds/kinds.ts";
import { WordCounter } from "../../src/tokenizer/learning/count-words.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { formatFigure, type Reporter } from "../report.ts";
import { readTexts } from "./texts.ts";

export interface CompressibilityOptions {
  /** .jsonl or .jsonl.gz with a field "text", together one corpus. */
  readonly files: readonly string[];
  readonly vocabulary: number;
  readonly thresholds: readonly number[];
}

export function benchCompressibility(
  { files, vocabulary, thresholds }: CompressibilityOptions,
  reporter: Reporter,
): void {
  const corpora = files.map(file => ({ file, texts: readTexts(file) }));
  const [normaliser, preTokenizer] = [normalisers["ascii-fold"], "whitespace"] as const;
  const words = new WordCounter(normaliser, preTokenizer);
  for (const { texts } of corpora) for (const text of texts) words.addText(text);
  const learning = { vocabularySize: vocabulary, specialTokens, preTokenizer };
  const learned = findTokenizerKind("wordpiece").learn(words.wordCounts(), learning);
  const encoder = new Encoder(defineLearnedTokenizer(learned.vocabulary, normaliser, preTokenizer, learned.model));
  const rows: string[][] = [];
  for (const { file, texts } of corpora) {
    const tokens = texts.map(text => encoder.encode(text, "as-text").length);
    const sizes = texts.map(({ length }) => length);
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    for (const threshold of thresholds) {
      const dropped = texts.flatMap((text, i) =>
        isCompressible(text, threshold, () => tokens[i]!) ? [] : [sizes[i]!],
      );
      const figures = {
        documents: texts.length,
        droppedDocuments: dropped.length,
        droppedShare: dropped.length / texts.length,
        droppedCharacterShare: sum(dropped) / sum(sizes),
      };
      reporter.record({ benchmark: "filter", file, threshold, ...figures });
      const percent = (share: number) => `${formatFigure(100 * share)} %`;
      const shares = [percent(figures.droppedShare), percent(figures.droppedCharacterShare)];
      rows.push([file.replace(/^.*\//, ""), threshold.toFixed(2), `${dropped.length} of ${texts.length}`, ...shares]);
    }
  }
  reporter.heading(
    `Documents with t tokens a character or more, by a WordPiece of ${vocabulary} tokens learned of all`,
  );
  reporter.table(["", "t", "dropped", "of documents", "of characters"], rows);
}
