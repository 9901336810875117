// Documents that are written as prose is: by the length of their words, by marks that stand where words should, by the words that
// every English text has. For another language set stopWords=0.

import type { Filter } from "./filter.ts";

const stopWords = new Set(["the", "be", "to", "of", "and", "that", "have", "with"]);

export const prose = {
  name: "prose",
  summary: "documents that are written as prose is; for a language that is not English, with stopWords=0",
  source: "Rae et al. 2021, Gopher, arXiv 2112.11446, appendix A.1",
  limits: {
    shortestMean: { value: 3, doc: "characters of a word, the least mean" },
    longestMean: { value: 10, doc: "characters of a word, the largest mean" },
    symbols: { value: 0.1, doc: "hash marks a word, and ellipses a word, at most" },
    bullets: { value: 0.9, doc: "share of lines that begin with a bullet, at most" },
    ellipses: { value: 0.3, doc: "share of lines that end with an ellipsis, at most" },
    alphabetic: { value: 0.8, doc: "share of words with a letter, at least" },
    stopWords: { value: 2, doc: "of the, be, to, of, and, that, have, with, at least so many" },
  },
  judge: (text, limits) => {
    const words = text.match(/\S+/g) ?? [];
    const lines = text.split("\n").filter(line => /\S/.test(line));
    const mean = words.reduce((sum, word) => sum + [...word].length, 0) / words.length;
    const share = <Item>(items: readonly Item[], holds: (item: Item) => boolean) =>
      items.filter(holds).length / items.length;
    const count = (pattern: RegExp) => (text.match(pattern) ?? []).length;
    const isProse =
      words.length > 0 &&
      mean >= limits.shortestMean &&
      mean <= limits.longestMean &&
      count(/#/g) <= limits.symbols * words.length &&
      count(/\.\.\.|…/g) <= limits.symbols * words.length &&
      share(lines, line => /^\s*[•‣◦▪●*-]\s/u.test(line)) <= limits.bullets &&
      share(lines, line => /(\.\.\.|…)\s*$/.test(line)) <= limits.ellipses &&
      share(words, word => /\p{L}/u.test(word)) >= limits.alphabetic &&
      new Set(words.map(word => word.toLowerCase()).filter(word => stopWords.has(word))).size >= limits.stopWords;
    return isProse ? undefined : "not-prose";
  },
} as const satisfies Filter<
  "shortestMean" | "longestMean" | "symbols" | "bullets" | "ellipses" | "alphabetic" | "stopWords"
>;
