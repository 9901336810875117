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
  const counts = new Map<string, number>(given.map(letter => [letter, Number.POSITIVE_INFINITY]));
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
  const characters = [...counts.keys()].sort(byCodePoint);
  const commonest = new Set(characters.sort((a, b) => counts.get(b)! - counts.get(a)! || 0).slice(0, limit));
  const all = [...commonest].sort(byCodePoint);
  return { all, continuing: all.filter(character => continuing.has(character)) };
}

/** UserError E_VOCABULARY_SIZE. */
export function refuseSize(asked: number, needed: number): UserError {
  return new UserError(
    "E_VOCABULARY_SIZE",
    `a vocabulary of ${asked} was asked for, but the text's single characters alone need ${needed}`,
    `Ask for at least that many with --vocabulary, or for fewer characters with --alphabet-limit.`,
  );
}
