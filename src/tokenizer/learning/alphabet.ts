// Which characters a vocabulary has: the commonest of the words.

import { UserError } from "../../base/errors.ts";
import type { WordCount } from "./count-words.ts";

/**
 * How many characters a vocabulary takes: 1,000, as Hugging Face's trainer, and of a large one a quarter, so that Chinese has
 * room in it.
 */
export function limitAlphabet(vocabularySize: number): number {
  return Math.max(1000, Math.floor(vocabularySize / 4));
}

/** The commonest characters of the words and those that are given, in order of code point; and those of them that continue a word. */
export function chooseAlphabet(
  wordCounts: readonly WordCount[],
  limit: number,
  given: readonly string[] = [],
): { all: string[]; continuing: string[] } {
  const counts = new Float64Array(0x110000);
  const continues = new Uint8Array(0x110000);
  const points: number[] = [];
  const add = (point: number, count: number) => {
    if (counts[point] === 0) points.push(point);
    counts[point]! += count;
  };
  for (const letter of given) add(letter.codePointAt(0)!, Number.POSITIVE_INFINITY);
  for (const [word, count] of wordCounts) {
    for (let i = 0; i < word.length; i++) {
      const point = word.codePointAt(i)!;
      add(point, count);
      if (i > 0) continues[point] = 1;
      if (point > 0xffff) i++;
    }
  }
  // Of equals the first stay.
  const commonest = points.sort((a, b) => counts[b]! - counts[a]! || a - b).slice(0, limit);
  const sorted = commonest.sort((a, b) => a - b);
  const name = (points: readonly number[]) => points.map(point => String.fromCodePoint(point));
  return { all: name(sorted), continuing: name(sorted.filter(point => continues[point] === 1)) };
}

/** UserError E_VOCABULARY_SIZE. */
export function refuseSize(asked: number, needed: number): UserError {
  return new UserError(
    "E_VOCABULARY_SIZE",
    `a vocabulary of ${asked} was asked for, but the text's single characters alone need ${needed}`,
    `Ask for at least that many with --vocabulary, or for fewer characters with --alphabet-limit.`,
  );
}
