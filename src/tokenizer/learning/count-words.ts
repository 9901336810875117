// How often each word occurs in a corpus, which is all the learner needs to know of it. Words are those of the normaliser
// and pre-tokenizer that the tokenizer will have. Raw words are counted first, and each is normalised once.

import { type PreTokenizer, type PreTokenizerName, preTokenizerOf } from "../encoding/pre-tokenizer.ts";
import { cutsAtSpaces, RawWords } from "../encoding/raw-words.ts";
import { hashBytes, TextBytes } from "../encoding/text-bytes.ts";
import { mostIds, WordCache } from "../encoding/word-cache.ts";
import { WordCutter } from "../encoding/word-cutter.ts";
import type { Normaliser } from "../normalising/normaliser.ts";
import { WordTable } from "./word-table.ts";

/** A word and the number of times it occurs. */
export type WordCount = readonly [word: string, count: number];

/** So many different raw words at most wait to be normalised. */
const mostRawWords = 1 << 19;
/** In bytes; longer ones are seldom seen again. */
const longestRawWord = 48;

/** Counts the words of texts; owns a table of the distinct ones. */
export class WordCounter {
  private readonly preTokenizer: PreTokenizer;
  private readonly rawWords: RawWords | undefined;
  private readonly cutter: WordCutter;
  private readonly raw = new CountedWords();
  private readonly words = new CountedWords();
  private readonly rawText = new TextBytes();

  constructor(normaliser: Normaliser, preTokenizer: PreTokenizerName) {
    this.preTokenizer = preTokenizerOf(preTokenizer);
    this.cutter = new WordCutter(normaliser, this.preTokenizer);
    if (cutsAtSpaces(normaliser, this.preTokenizer)) this.rawWords = new RawWords(normaliser, this.preTokenizer);
  }

  /** Counts the words of one more text. */
  addText(text: string): void {
    const { rawWords, raw } = this;
    if (rawWords === undefined) {
      this.cutter.cutText(text, true, 1);
      this.addWords(1);
      return;
    }
    const isPrefixed = this.preTokenizer.prefixSpace !== "never";
    rawWords.text.read(text);
    const { view } = rawWords.text;
    const { begins, ends, hashes } = rawWords;
    for (let at = rawWords.find(0); rawWords.count > 0; at = rawWords.find(at)) {
      for (let word = 0; word < rawWords.count; word++) {
        const [begin, end] = [begins[word]!, ends[word]!];
        if (isPrefixed && begin === 0) {
          this.cutter.cutText(rawWords.text.slice(begin, end), true, 1);
          this.addWords(1);
        } else if (end - begin > longestRawWord) {
          this.cutter.cutRaw(rawWords.text, begin, end);
          this.addWords(1);
        } else raw.add(view, begin, end, hashes[word]!, 1);
      }
    }
    if (raw.table.count > mostRawWords) this.addRawWords();
  }

  /** The words and their counts. */
  wordCounts(): WordCount[] {
    this.addRawWords();
    const { table, counts } = this.words;
    return Array.from({ length: table.count }, (_, index) => [table.word(index), counts[index]!]);
  }

  private addRawWords(): void {
    const { rawText } = this;
    const { table, counts } = this.raw;
    for (let index = 0; index < table.count; index++) {
      table.copyWord(index, rawText);
      this.cutter.cutRaw(rawText, 0, rawText.length);
      this.addWords(counts[index]!);
    }
    this.raw.clear();
  }

  /** Counts the words that were cut last. */
  private addWords(times: number): void {
    const { words } = this;
    const { text, spans } = this.cutter;
    const { view } = text;
    const { bounds, count } = spans;
    for (let word = 0; word < count; word++) {
      const begin = bounds[2 * word]!;
      const end = bounds[2 * word + 1]!;
      words.add(view, begin, end, hashBytes(view, begin, end), times);
    }
  }
}

/** Words and their counts. Of most the number is kept in a line of a cache, so that counting one more reads one place of a large memory. */
class CountedWords {
  readonly table = new WordTable();
  counts = new Float64Array(1 << 15);
  private readonly numbers = new WordCache(1 << 19);
  private readonly found = new Uint32Array(mostIds);

  add(view: DataView, begin: number, end: number, hash: number, times: number): void {
    const { numbers, found } = this;
    if (numbers.read(view, begin, end, hash, found, 0) < 0) {
      found[0] = this.number(view, begin, end, hash);
      numbers.add(view, begin, end, hash, found, 0, 1);
    }
    this.counts[found[0]!]! += times;
  }

  private number(view: DataView, begin: number, end: number, hash: number): number {
    const known = this.table.find(view, begin, end, hash);
    if (known >= 0) return known;
    const index = this.table.add(view, begin, end, hash);
    if (index === this.counts.length) {
      const grown = new Float64Array(2 * index);
      grown.set(this.counts);
      this.counts = grown;
    }
    return index;
  }

  clear(): void {
    this.table.clear();
    this.numbers.clear();
    this.counts.fill(0);
  }
}
