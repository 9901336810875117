// Words one behind another, as learning a Unigram reads them: in their order, so that what a word begins like the one before it is gone
// through once for both. Text has three words of every five so.

import type { WordCount } from "../count-words.ts";
import { sortWordCounts } from "../sort-words.ts";
import { allocateUint8, allocateUint32 } from "./large-arrays.ts";

/** Words of more characters are apart: a short word's probability is a number whatever its pieces are (each above e^-45 a character). */
const longest = 16;

/** Short words in their order, then the others. */
export function sortWords(wordCounts: readonly WordCount[]): WordCount[] {
  const isLong = ([word]: WordCount) => word.length > longest;
  return [...sortWordCounts(wordCounts.filter(word => !isLong(word))), ...wordCounts.filter(isLong)];
}

export interface JoinedWords {
  /** The code points of all words, 0 behind each. */
  readonly text: Uint32Array;
  /** By word: where it begins; one more behind the last. */
  readonly starts: Uint32Array;
  /** By word: how many characters it begins with as the word before it does, neither of them long; one more behind the last, which is 0. */
  readonly shared: Uint8Array;
}

/** Words that follow each other, of which the first shares nothing: the first one, and the one behind the last. */
export type WordRange = readonly [from: number, to: number];

/** Of a part, at least, in code points; and how many parts there are at most, for each of them has numbers of its own of each piece. */
const leastPart = 1 << 19;
const mostParts = 4;

/** The parts, of at least so many code points, depend on the words alone. */
export function joinWords(
  words: readonly string[],
  least = leastPart,
): JoinedWords & { readonly parts: readonly WordRange[] } {
  const units = words.reduce((sum, word) => sum + word.length + 1, 0);
  const text = allocateUint32(units);
  const partLength = Math.max(least, Math.ceil(units / mostParts));
  const starts = allocateUint32(words.length + 1);
  const shared = allocateUint8(words.length + 1);
  const parts: WordRange[] = [];
  let partFrom = 0;
  let length = 0;
  for (const [number, word] of words.entries()) {
    for (let i = 0; i < word.length; i++) {
      const point = word.codePointAt(i)!;
      if (point > 0xffff) i++;
      text[length++] = point;
    }
    text[length++] = 0;
    starts[number + 1] = length;
    if (starts[number]! - starts[partFrom]! >= partLength) {
      parts.push([partFrom, number]);
      partFrom = number;
    }
    if (number === partFrom || word.length > longest || words[number - 1]!.length > longest) continue;
    const [before, own] = [starts[number - 1]!, starts[number]!];
    let common = 0;
    while (text[own + common] !== 0 && text[own + common] === text[before + common]) common++;
    shared[number] = common;
  }
  parts.push([partFrom, words.length]);
  return { text: text.subarray(0, length), starts, shared, parts };
}
