// How often each word occurs in a corpus, which is all the learner needs to know of it. Words are those of the normaliser
// and pre-tokenizer that the tokenizer will have. Raw words are counted first, and each is normalised once.

import { IdList } from "../encoding/id-list.ts";
import {
  allocateSpans,
  type PreTokenizer,
  type PreTokenizerName,
  prepareText,
  preTokenizerOf,
  splitWords,
} from "../encoding/pre-tokenizer.ts";
import { cutsAtSpaces, RawWords } from "../encoding/raw-words.ts";
import { TextUnits } from "../encoding/text-units.ts";
import { WordCache } from "../encoding/word-cache.ts";
import { hashUnits, WordTable } from "../encoding/word-table.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser } from "../normalising/normaliser.ts";

/** A word and the number of times it occurs. */
export type WordCount = readonly [word: string, count: number];

/** So many different raw words at most wait to be normalised. */
const mostRawWords = 1 << 19;
const longestRawWord = 48;

/** Counts the words of texts; owns a table of the distinct ones. */
export class WordCounter {
  private readonly normalise: (text: string) => string;
  private readonly preTokenizer: PreTokenizer;
  private readonly rawWords: RawWords | undefined;
  private readonly spans = allocateSpans();
  private readonly raw = new CountedWords();
  private readonly words = new CountedWords();
  private readonly normalisedUnits = new TextUnits();

  constructor(normaliser: Normaliser, preTokenizer: PreTokenizerName) {
    this.normalise = compileNormaliser(normaliser);
    this.preTokenizer = preTokenizerOf(preTokenizer);
    if (cutsAtSpaces(normaliser, this.preTokenizer)) this.rawWords = new RawWords(normaliser, this.preTokenizer);
  }

  /** Counts the words of one more text. */
  addText(text: string): void {
    const { rawWords, raw } = this;
    if (rawWords === undefined) {
      this.addRaw(text, 1, true);
      return;
    }
    const isPrefixed = this.preTokenizer.prefixSpace !== "never";
    rawWords.text.read(text);
    const { units } = rawWords.text;
    for (let at = 0; rawWords.next(at); at = rawWords.end) {
      const { begin, end, hash } = rawWords;
      if (end - begin > longestRawWord || (isPrefixed && begin === 0)) {
        this.addRaw(text.slice(begin, end), 1, begin === 0);
      } else raw.add(units, begin, end, hash, 1);
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
    const { table, counts } = this.raw;
    for (let index = 0; index < table.count; index++) this.addRaw(table.word(index), counts[index]!, false);
    this.raw.clear();
  }

  private addRaw(text: string, times: number, isPart: boolean): void {
    const { preTokenizer, spans, words, normalisedUnits } = this;
    const normalised = prepareText(preTokenizer, this.normalise(text), isPart, isPart);
    splitWords(preTokenizer.name, normalised, spans);
    normalisedUnits.read(normalised);
    const { units } = normalisedUnits;
    const { bounds, count } = spans;
    for (let word = 0; word < count; word++) {
      const begin = bounds[2 * word]!;
      const end = bounds[2 * word + 1]!;
      words.add(units, begin, end, hashUnits(units, begin, end), times);
    }
  }
}

/** Words and their counts. Of most the number is kept in a line of a cache, so that counting one more reads one place of a large memory. */
class CountedWords {
  readonly table = new WordTable();
  counts = new Float64Array(1 << 15);
  private readonly numbers = new WordCache();
  private readonly found = new IdList();

  add(units: Uint16Array, begin: number, end: number, hash: number, times: number): void {
    const { numbers, found } = this;
    found.count = 0;
    if (!numbers.read(units, begin, end, hash, found)) {
      found.push(this.number(units, begin, end, hash));
      numbers.add(units, begin, end, hash, found, 0);
    }
    this.counts[found.ids[0]!]! += times;
  }

  private number(units: Uint16Array, begin: number, end: number, hash: number): number {
    const known = this.table.find(units, begin, end, hash);
    if (known >= 0) return known;
    const index = this.table.add(units, begin, end, hash);
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
