// Learns a WordPiece vocabulary from word counts as Hugging Face's WordPieceTrainer does, that is by byte-pair merges with
// "##" before continuing pieces: merge the most frequent neighbouring pair until the vocabulary is full. Given the same
// order of the alphabet the vocabulary is the same, id by id; theirs takes continuing letters in hash order, ours sorted.

import { UserError } from "../../base/errors.ts";
import type { WordCount } from "./count-words.ts";
import { type Merge, MergeQueue } from "./merge-queue.ts";

export interface LearnOptions {
  readonly vocabularySize: number;
  /** The first ids, in this order. */
  readonly specialTokens: readonly string[];
  /** So many different characters at most, the commonest; default `limitAlphabet` of the vocabulary. */
  readonly alphabetLimit?: number;
  /** A word of more characters takes no part: the tokenizer will not know it. Default 100. */
  readonly longestWord?: number;
  /** A pair that occurs less often is not merged. Default 0: fill the vocabulary whatever it takes. */
  readonly minimumCount?: number;
  /** Called after every thousandth merge or so with how many tokens there are. */
  readonly onProgress?: (tokens: number) => void;
}

/**
 * How many characters a vocabulary takes: 1,000, as Hugging Face's trainer, and of a large one a quarter, so that Chinese has
 * room in it.
 */
export function limitAlphabet(vocabularySize: number): number {
  return Math.max(1000, Math.floor(vocabularySize / 4));
}

/**
 * The vocabulary, a token at its id: special tokens, the alphabet, its "##" forms, merged pieces by falling frequency.
 * It is shorter than asked for when the corpus runs out of pairs. UserError E_VOCABULARY_SIZE when the alphabet alone
 * does not fit.
 */
export function learnVocabulary(allWordCounts: readonly WordCount[], options: LearnOptions): string[] {
  const { vocabularySize, specialTokens, longestWord = 100, minimumCount = 0, onProgress } = options;
  const { alphabetLimit = limitAlphabet(vocabularySize) } = options;
  const wordCounts = allWordCounts.filter(
    ([word]) => word.length <= longestWord || countCharacters(word) <= longestWord,
  );
  const vocabulary: string[] = [];
  const idOf = new Map<string, number>();
  const addToken = (token: string): number => {
    let id = idOf.get(token);
    if (id === undefined) {
      id = vocabulary.length;
      vocabulary.push(token);
      idOf.set(token, id);
    }
    return id;
  };
  for (const token of specialTokens) addToken(token);
  addAlphabet(wordCounts, alphabetLimit, addToken);
  if (vocabulary.length > vocabularySize) {
    throw new UserError(
      "E_VOCABULARY_SIZE",
      `a vocabulary of ${vocabularySize} was asked for, but the text's single characters alone need ${vocabulary.length}`,
      `Ask for at least that many with --vocabulary, or for fewer characters with --alphabet-limit.`,
    );
  }
  const words = new SymbolWords(wordCounts, idOf);
  const pairCounts = new Map<number, number>();
  let found = new Map<number, number[]>();
  for (let word = 0; word < words.count; word++) {
    words.forEachPair(word, (left, right) => {
      const key = pairKey(left, right);
      pairCounts.set(key, (pairCounts.get(key) ?? 0) + words.counts[word]!);
      notePair(found, key, word);
    });
  }
  const queue = new MergeQueue();
  const queueFound = () => {
    for (const [key, inWords] of found) {
      const count = pairCounts.get(key)!;
      if (count > 0) queue.push({ left: Math.floor(key / 2 ** 26), right: key % 2 ** 26, count, words: inWords });
    }
    found = new Map();
  };
  queueFound();

  for (let merges = 0; vocabulary.length < vocabularySize; ) {
    const top: Merge | undefined = queue.pop();
    if (top === undefined) break;
    const count = pairCounts.get(pairKey(top.left, top.right))!;
    if (top.count !== count) {
      top.count = count;
      queue.push(top);
      continue;
    }
    if (count < 1 || count < minimumCount) break;
    const right = vocabulary[top.right]!;
    const merged = addToken(vocabulary[top.left]! + (right.startsWith("##") ? right.slice(2) : right));
    for (const word of top.words) {
      const times = words.counts[word]!;
      words.merge(word, top.left, top.right, merged, (left, second, change) => {
        const key = pairKey(left, second);
        pairCounts.set(key, (pairCounts.get(key) ?? 0) + change * times);
        if (change > 0) notePair(found, key, word);
      });
    }
    // The merged pair itself keeps its count, as it does there: it decides what happens when the pair forms again.
    queueFound();
    if (++merges % 1000 === 0) onProgress?.(vocabulary.length);
  }
  onProgress?.(vocabulary.length);
  return vocabulary;
}

/** The commonest characters of the words in order of code point, then those of them that continue a word, with "##". */
function addAlphabet(wordCounts: readonly WordCount[], limit: number, addToken: (token: string) => number): void {
  const counts = new Map<string, number>();
  const continuing = new Set<string>();
  for (const [word, count] of wordCounts) {
    let first = true;
    for (const character of word) {
      counts.set(character, (counts.get(character) ?? 0) + count);
      if (!first) continuing.add(character);
      first = false;
    }
  }
  const byCodePoint = (a: string, b: string) => a.codePointAt(0)! - b.codePointAt(0)!;
  const all = [...counts.keys()].sort(byCodePoint);
  const commonest = new Set(all.sort((a, b) => counts.get(b)! - counts.get(a)!).slice(0, limit));
  const kept = [...commonest].sort(byCodePoint);
  for (const character of kept) addToken(character);
  for (const character of kept) if (continuing.has(character)) addToken(`##${character}`);
}

function countCharacters(word: string): number {
  let count = 0;
  for (const _ of word) count++;
  return count;
}

function pairKey(left: number, right: number): number {
  return left * 2 ** 26 + right;
}

function notePair(found: Map<number, number[]>, key: number, word: number): void {
  const words = found.get(key);
  if (words === undefined) found.set(key, [word]);
  else if (words[words.length - 1] !== word) words.push(word);
}

/** Every distinct word as the symbols it is made of now, in one array; a merge makes a word shorter in its place. */
class SymbolWords {
  readonly count: number;
  readonly counts: Float64Array;
  private readonly symbols: Int32Array;
  private readonly starts: Uint32Array;
  private readonly lengths: Uint32Array;

  constructor(wordCounts: readonly WordCount[], idOf: ReadonlyMap<string, number>) {
    this.count = wordCounts.length;
    this.counts = Float64Array.from(wordCounts, ([, count]) => count);
    this.starts = new Uint32Array(this.count);
    this.lengths = new Uint32Array(this.count);
    let units = 0;
    for (const [word] of wordCounts) units += word.length;
    this.symbols = new Int32Array(units);
    let at = 0;
    wordCounts.forEach(([word], index) => {
      this.starts[index] = at;
      let first = true;
      for (const character of word) {
        // As there: what is not in the alphabet is passed over, and its neighbours are next to each other.
        const symbol = idOf.get(first ? character : `##${character}`);
        if (symbol !== undefined) this.symbols[at++] = symbol;
        first = false;
      }
      this.lengths[index] = at - this.starts[index]!;
    });
  }

  forEachPair(word: number, visit: (left: number, right: number) => void): void {
    const start = this.starts[word]!;
    const end = start + this.lengths[word]! - 1;
    for (let at = start; at < end; at++) visit(this.symbols[at]!, this.symbols[at + 1]!);
  }

  /** Puts `merged` for each `left` followed by `right`, and tells which neighbouring pairs went (-1) and came (+1). */
  merge(
    word: number,
    left: number,
    right: number,
    merged: number,
    changed: (left: number, right: number, change: 1 | -1) => void,
  ): void {
    const symbols = this.symbols;
    const start = this.starts[word]!;
    const end = start + this.lengths[word]!;
    let to = start;
    for (let from = start; from < end; from++) {
      if (symbols[from] !== left || from + 1 >= end || symbols[from + 1] !== right) {
        symbols[to++] = symbols[from]!;
        continue;
      }
      if (to > start) {
        changed(symbols[to - 1]!, left, -1);
        changed(symbols[to - 1]!, merged, 1);
      }
      symbols[to++] = merged;
      from++;
      if (from + 1 < end) {
        changed(right, symbols[from + 1]!, -1);
        changed(merged, symbols[from + 1]!, 1);
      }
    }
    this.lengths[word] = to - start;
  }
}
