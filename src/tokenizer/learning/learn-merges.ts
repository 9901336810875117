// Learns a vocabulary by byte-pair merges as Hugging Face's BpeTrainer does: join the most frequent neighbouring pair until the
// vocabulary is full. WordPiece's differs in the mark of pieces that continue a word. Given the same order of the alphabet the vocabulary
// is the same, id by id; theirs takes continuing letters in hash order, ours sorted.

import { PairTable } from "../encoding/pair-table.ts";
import { chooseAlphabet, limitAlphabet, refuseSize } from "./alphabet.ts";
import type { WordCount } from "./count-words.ts";
import { type Merge, MergeQueue } from "./merge-queue.ts";

export interface MergeOptions {
  readonly vocabularySize: number;
  /** The first ids, in this order. */
  readonly specialTokens: readonly string[];
  /** So many different characters at most, the commonest; default `limitAlphabet` of the vocabulary. */
  readonly alphabetLimit?: number | undefined;
  /** Characters that the vocabulary has in any case. Default: none. */
  readonly alphabet?: readonly string[];
  /** What marks a piece that continues a word. Default "". */
  readonly continuation?: string;
  /** A word of more characters takes no part: the tokenizer will not know it. Default: of any length. */
  readonly longestWord?: number;
  /** A pair that occurs less often is not merged. Default 0: fill the vocabulary whatever it takes. */
  readonly minimumCount?: number;
  /** Called after every thousandth merge or so with how many tokens there are. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
}

/** A vocabulary, a token at its id, and the merges that made it, in their order. */
export interface LearnedMerges {
  readonly vocabulary: string[];
  readonly merges: (readonly [left: number, right: number])[];
}

/**
 * The vocabulary: special tokens, the alphabet, its continuing forms, merged pieces by falling frequency. It is shorter than
 * asked for when the corpus runs out of pairs. UserError E_VOCABULARY_SIZE when the alphabet alone does not fit.
 */
export function learnMerges(allWordCounts: readonly WordCount[], options: MergeOptions): LearnedMerges {
  const { vocabularySize, specialTokens, continuation = "", minimumCount = 0, onProgress } = options;
  const {
    alphabetLimit = limitAlphabet(vocabularySize),
    alphabet = [],
    longestWord = Number.POSITIVE_INFINITY,
  } = options;
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
  const letters = chooseAlphabet(wordCounts, alphabetLimit, alphabet);
  for (const letter of letters.all) addToken(letter);
  if (continuation !== "") for (const letter of letters.continuing) addToken(continuation + letter);
  if (vocabulary.length > vocabularySize) throw refuseSize(vocabularySize, vocabulary.length);
  const words = new SymbolWords(wordCounts, idOf, continuation);
  const pairCounts = new PairTable(0);
  const queue = new MergeQueue();
  queueFirst(words, pairCounts, queue);

  const merges: [number, number][] = [];
  while (vocabulary.length < vocabularySize) {
    const top: Merge | undefined = queue.pop();
    if (top === undefined) break;
    const count = pairCounts.get(top.left, top.right);
    if (top.count !== count) {
      top.count = count;
      queue.push(top);
      continue;
    }
    if (count < 1 || count < minimumCount) break;
    merges.push([top.left, top.right]);
    const right = vocabulary[top.right]!;
    const merged = addToken(
      vocabulary[top.left]! + (right.startsWith(continuation) ? right.slice(continuation.length) : right),
    );
    joinPair(words, top, merged, pairCounts, queue);
    if (merges.length % 1000 === 0) onProgress?.(vocabulary.length);
  }
  onProgress?.(vocabulary.length);
  return { vocabulary, merges: keepLast(merges) };
}

/** Queues every pair of the words as they are. */
function queueFirst(words: SymbolWords, pairCounts: PairTable, queue: MergeQueue): void {
  const numbers = new PairTable(-1);
  const found: { left: number; right: number; words: number[] }[] = [];
  for (let word = 0; word < words.count; word++) {
    words.forEachPair(word, (left, right) => {
      pairCounts.add(left, right, words.counts[word]!);
      const number = numbers.get(left, right);
      if (number < 0) {
        numbers.set(left, right, found.length);
        found.push({ left, right, words: [word] });
      } else noteWord(found[number]!.words, word);
    });
  }
  for (const pair of found) queue.push({ ...pair, count: pairCounts.get(pair.left, pair.right) });
}

/** Joins a pair in all words that have it, and queues the pairs that come of it. */
function joinPair(words: SymbolWords, pair: Merge, merged: number, pairCounts: PairTable, queue: MergeQueue): void {
  // Of both symbols of a new pair one is the merged one: the other and its side name the pair.
  const found = new Map<number, number[]>();
  for (const word of pair.words) {
    const times = words.counts[word]!;
    words.merge(word, pair.left, pair.right, merged, (left, right, change) => {
      pairCounts.add(left, right, change * times);
      if (change < 0) return;
      const key = left === merged ? 2 * right : 2 * left + 1;
      const inWords = found.get(key);
      if (inWords === undefined) found.set(key, [word]);
      else noteWord(inWords, word);
    });
  }
  // The merged pair itself keeps its count, as it does there: it decides what happens when the pair forms again.
  for (const [key, inWords] of found) {
    const other = key >> 1;
    const [left, right] = key % 2 === 0 ? [merged, other] : [other, merged];
    const count = pairCounts.get(left, right);
    if (count > 0) queue.push({ left, right, count, words: inWords });
  }
}

/** A pair may be joined again, where a token is made in two ways: its last place counts. */
function keepLast(merges: readonly [number, number][]): [number, number][] {
  const last = new PairTable(-1);
  for (const [rank, [left, right]] of merges.entries()) last.set(left, right, rank);
  return merges.filter(([left, right], rank) => last.get(left, right) === rank);
}

function noteWord(words: number[], word: number): void {
  if (words[words.length - 1] !== word) words.push(word);
}

function countCharacters(word: string): number {
  let count = 0;
  for (const _ of word) count++;
  return count;
}

/** Every distinct word as the symbols it is made of now, in one array; a merge makes a word shorter in its place. */
class SymbolWords {
  readonly count: number;
  readonly counts: Float64Array;
  private readonly symbols: Int32Array;
  private readonly starts: Uint32Array;
  private readonly lengths: Uint32Array;

  constructor(wordCounts: readonly WordCount[], idOf: ReadonlyMap<string, number>, continuation: string) {
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
        const symbol = idOf.get(first ? character : continuation + character);
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
