// Learns a vocabulary by byte-pair merges as Hugging Face's BpeTrainer does: join the most frequent neighbouring pair until the
// vocabulary is full. WordPiece's differs in the mark of pieces that continue a word. Given the same order of the alphabet the vocabulary
// is the same, id by id; theirs takes continuing letters in hash order, ours sorted.

import { PairTable } from "../encoding/pair-table.ts";
import { chooseAlphabet, limitAlphabet, refuseSize } from "./alphabet.ts";
import type { WordCount } from "./count-words.ts";
import { type Merge, MergeQueue } from "./merge-queue.ts";
import { SymbolWords } from "./symbol-words.ts";

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
  const pairs = new QueuedPairs(queue);
  queueFirst(words, pairCounts, pairs);

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
    const right = vocabulary[top.right]!;
    const text = vocabulary[top.left]! + (right.startsWith(continuation) ? right.slice(continuation.length) : right);
    // What a text writes like a special token's name, as HTML does "<s>", is not that token.
    if (specialTokens.includes(text)) continue;
    merges.push([top.left, top.right]);
    const merged = addToken(text);
    joinPair(words, top, merged, pairCounts, pairs);
    if (merges.length % 1000 === 0) onProgress?.(vocabulary.length);
  }
  onProgress?.(vocabulary.length);
  return { vocabulary, merges: keepLast(merges) };
}

/** Queues every pair of the words as they are. */
function queueFirst(words: SymbolWords, pairCounts: PairTable, pairs: QueuedPairs): void {
  const numbers = new PairTable(-1);
  const found: { left: number; right: number; times: number }[] = [];
  let word = 0;
  words.forEachPair((left, right, place) => {
    word = words.wordOf(place, word);
    pairCounts.add(left, right, words.countOf(word));
    const number = numbers.get(left, right);
    if (number >= 0) found[number]!.times++;
    else {
      numbers.set(left, right, found.length);
      found.push({ left, right, times: 1 });
    }
  });
  const all = new Uint32Array(found.reduce((sum, { times }) => sum + times, 0));
  const ends = new Uint32Array(found.length);
  let end = 0;
  const placesOf = found.map(({ times }, number) => {
    ends[number] = end;
    end += times;
    return all.subarray(end - times, end);
  });
  words.forEachPair((left, right, place) => {
    all[ends[numbers.get(left, right)]!++] = place;
  });
  for (const [number, { left, right }] of found.entries()) {
    pairs.push({ left, right, count: pairCounts.get(left, right), places: placesOf[number]! });
  }
}

/** Joins a pair where it is found, and queues the pairs that come of it. */
function joinPair(words: SymbolWords, pair: Merge, merged: number, pairCounts: PairTable, pairs: QueuedPairs): void {
  // Of both symbols of a new pair one is the merged one: the other and its side name the pair.
  const found = new Map<number, number[]>();
  let times = 0;
  const change = (left: number, right: number, change: 1 | -1, place: number) => {
    pairCounts.add(left, right, change * times);
    if (change < 0) return;
    const key = left === merged ? 2 * right : 2 * left + 1;
    const places = found.get(key);
    if (places === undefined) found.set(key, [place]);
    else places.push(place);
  };
  const { left, right } = pair;
  const places = findPlaces(words, pair);
  let word = 0;
  for (let i = 0; i < places.length; i++) {
    word = words.wordOf(places[i]!, word);
    times = words.countOf(word);
    words.merge(places[i]!, left, right, merged, change);
  }
  // The merged pair itself keeps its count, as it does there: it decides what happens when the pair forms again.
  for (const [key, places] of found) {
    const other = key >> 1;
    const [left, right] = key % 2 === 0 ? [merged, other] : [other, merged];
    const count = pairCounts.get(left, right);
    if (count > 0) pairs.push({ left, right, count, places: places.length < 32 ? places : Uint32Array.from(places) });
  }
  pair.places = [];
}

/** Where a pair is joined: as there, everywhere in the words in which it was found, so also where it was found another time. */
function findPlaces(words: SymbolWords, pair: Merge): ArrayLike<number> {
  const others = pair.same?.filter(other => other !== pair && other.places.length > 0) ?? [];
  if (others.length === 0) return pair.places;
  const wordsOf = (places: ArrayLike<number>) => {
    let word = 0;
    return Array.from(places, place => (word = words.wordOf(place, word)));
  };
  const inWords = new Set(wordsOf(pair.places));
  const places = others.flatMap(({ places }) => {
    const words = wordsOf(places);
    return Array.from(places).filter((_, i) => inWords.has(words[i]!));
  });
  return Uint32Array.from([...Array.from(pair.places), ...places]).sort();
}

/** What is queued, by pair; owns the first merge of each. */
class QueuedPairs {
  private readonly numbers = new PairTable(-1);
  private readonly first: Merge[] = [];
  private readonly queue: MergeQueue;

  constructor(queue: MergeQueue) {
    this.queue = queue;
  }

  push(merge: Merge): void {
    const number = this.numbers.get(merge.left, merge.right);
    if (number < 0) {
      this.numbers.set(merge.left, merge.right, this.first.length);
      this.first.push(merge);
    } else {
      const first = this.first[number]!;
      first.same ??= [first];
      first.same.push(merge);
      merge.same = first.same;
    }
    this.queue.push(merge);
  }
}

/** A pair may be joined again, where a token is made in two ways: its last place counts. */
function keepLast(merges: readonly [number, number][]): [number, number][] {
  const last = new PairTable(-1);
  for (const [rank, [left, right]] of merges.entries()) last.set(left, right, rank);
  return merges.filter(([left, right], rank) => last.get(left, right) === rank);
}

function countCharacters(word: string): number {
  let count = 0;
  for (const _ of word) count++;
  return count;
}
