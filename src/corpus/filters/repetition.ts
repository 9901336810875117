// Documents that say the same again and again within themselves: lines, paragraphs, and stretches of words. Shares of characters leave
// out white space, so that all are at most one.

import type { Filter } from "./filter.ts";

/** Words of the stretches of which the most frequent one counts, and of those of which every repeated one does. */
const frequent = [2, 3, 4] as const;
const repeated = [5, 6, 7, 8, 9, 10] as const;

type Name =
  | "lines"
  | "paragraphs"
  | "lineCharacters"
  | "paragraphCharacters"
  | `top${(typeof frequent)[number]}`
  | `all${(typeof repeated)[number]}`;

const top = (words: number, value: number) => ({
  value,
  doc: `of characters in the most frequent ${words} words in a row`,
});
const all = (words: number, value: number) => ({
  value,
  doc: `of characters in any ${words} words in a row that were there before`,
});

/** All limits are shares that a document may have at most. */
export const repetition = {
  name: "repetition",
  summary: "documents that do not repeat themselves",
  source: "Rae et al. 2021, Gopher, arXiv 2112.11446, table A1",
  limits: {
    lines: { value: 0.3, doc: "of lines that were there before" },
    paragraphs: { value: 0.3, doc: "of paragraphs that were there before" },
    lineCharacters: { value: 0.2, doc: "of characters in such lines" },
    paragraphCharacters: { value: 0.2, doc: "of characters in such paragraphs" },
    top2: top(2, 0.2),
    top3: top(3, 0.18),
    top4: top(4, 0.16),
    all5: all(5, 0.15),
    all6: all(6, 0.14),
    all7: all(7, 0.13),
    all8: all(8, 0.12),
    all9: all(9, 0.11),
    all10: all(10, 0.1),
  },
  judge: (text, limits) => {
    const lines = measureRepeats(text.split(/\n+/));
    const paragraphs = measureRepeats(text.split(/\n\s*\n/));
    if (lines.parts > limits.lines || lines.characters > limits.lineCharacters) return "repetitive";
    if (paragraphs.parts > limits.paragraphs || paragraphs.characters > limits.paragraphCharacters) return "repetitive";
    const words = text.match(/\S+/g) ?? [];
    const numbers = numberWords(words);
    const total = words.reduce((sum, { length }) => sum + length, 0);
    const lengthOf = (from: number, count: number) => {
      let sum = 0;
      for (let i = from; i < from + count; i++) sum += words[i]!.length;
      return sum;
    };
    for (const count of frequent) {
      if (measureTop(numbers, count, lengthOf) > limits[`top${count}`] * total) return "repetitive";
    }
    for (const count of repeated) {
      const characters = measureRepeated(numbers, count, lengthOf);
      if (characters > limits[`all${count}`] * total) return "repetitive";
      // Where no stretch is there twice, no longer one is.
      if (characters === 0) break;
    }
    return undefined;
  },
} as const satisfies Filter<Name>;

const countInk = (text: string) => text.replace(/\s+/g, "").length;

/** The shares of the parts that were there before, and of their characters. */
function measureRepeats(parts: readonly string[]): { readonly parts: number; readonly characters: number } {
  const seen = new Set<string>();
  let [count, repeats, ink, repeatedInk] = [0, 0, 0, 0];
  for (const part of parts) {
    const text = part.trim();
    if (text === "") continue;
    const characters = countInk(text);
    count++;
    ink += characters;
    if (seen.has(text)) {
      repeats++;
      repeatedInk += characters;
    } else seen.add(text);
  }
  return { parts: repeats / Math.max(1, count), characters: repeatedInk / Math.max(1, ink) };
}

/** Words as numbers, equal ones as the same. */
function numberWords(words: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(words, word => {
    const known = numbers.get(word) ?? numbers.size;
    numbers.set(word, known);
    return known;
  });
}

/** Of `count` numbers from `at`; two that differ share one by a chance of 2^-53. */
function hashStretch(numbers: Int32Array, at: number, count: number): number {
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (let i = at; i < at + count; i++) {
    low = Math.imul(low ^ numbers[i]!, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high + numbers[i]!, 0x85ebca6b);
    high ^= high >>> 13;
  }
  return (low >>> 0) * 2 ** 21 + (high >>> 11);
}

/** Characters in the stretch of `count` words whose places have the most of them, if it is there twice. */
function measureTop(numbers: Int32Array, count: number, lengthOf: (from: number, count: number) => number): number {
  const places = new Map<number, { readonly first: number; times: number }>();
  for (let at = 0; at + count <= numbers.length; at++) {
    const hash = hashStretch(numbers, at, count);
    const place = places.get(hash);
    if (place === undefined) places.set(hash, { first: at, times: 1 });
    else place.times++;
  }
  let most = { first: 0, times: 1 };
  for (const place of places.values()) if (place.times > most.times) most = place;
  return most.times === 1 ? 0 : most.times * lengthOf(most.first, count);
}

/** Characters in stretches that were there before, none counted twice. */
function measureRepeated(
  numbers: Int32Array,
  count: number,
  lengthOf: (from: number, count: number) => number,
): number {
  const seen = new Set<number>();
  let sum = 0;
  for (let at = 0; at + count <= numbers.length; ) {
    const hash = hashStretch(numbers, at, count);
    if (seen.has(hash)) {
      sum += lengthOf(at, count);
      at += count;
    } else {
      seen.add(hash);
      at++;
    }
  }
  return sum;
}
