// How often each word occurs in a corpus, which is all the learner needs to know of it. Words are those of the normaliser
// and pre-tokenizer that the tokenizer will have.

import { allocateSpans, type PreTokenizer, splitWords } from "../encoding/split.ts";
import { WordTable } from "../encoding/word-table.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser } from "../normalising/normaliser.ts";

/** A word and the number of times it occurs. */
export type WordCount = readonly [word: string, count: number];

/** Counts the words of texts; owns a table of the distinct ones. */
export class WordCounter {
  private readonly normalise: (text: string) => string;
  private readonly preTokenizer: PreTokenizer;
  private readonly spans = allocateSpans();
  private readonly table = new WordTable();
  private counts = new Float64Array(1 << 15);

  constructor(normaliser: Normaliser, preTokenizer: PreTokenizer) {
    this.normalise = compileNormaliser(normaliser);
    this.preTokenizer = preTokenizer;
  }

  /** Counts the words of one more text. */
  addText(text: string): void {
    const normalised = this.normalise(text);
    splitWords(this.preTokenizer, normalised, this.spans);
    const { bounds, count } = this.spans;
    for (let word = 0; word < count; word++) {
      const begin = bounds[2 * word]!;
      const end = bounds[2 * word + 1]!;
      let index = this.table.find(normalised, begin, end);
      if (index < 0) {
        index = this.table.add(normalised, begin, end);
        if (index === this.counts.length) {
          const grown = new Float64Array(2 * index);
          grown.set(this.counts);
          this.counts = grown;
        }
      }
      this.counts[index]! += 1;
    }
  }

  /** The words and their counts in the order of their first occurrence. */
  wordCounts(): WordCount[] {
    return Array.from({ length: this.table.count }, (_, index) => [this.table.word(index), this.counts[index]!]);
  }
}
