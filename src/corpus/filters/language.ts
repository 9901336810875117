// Documents by their language, told by character trigrams: of each known language the 300 most frequent, by their ranks alone (after
// Cavnar and Trenkle 1994, "N-Gram-Based Text Categorization"). What is written in letters of no known language is none of them.

import type { Filter } from "./filter.ts";
import { languageProfiles } from "./language-profiles.ts";

type Language = keyof typeof languageProfiles;

export const languages = Object.keys(languageProfiles) as readonly Language[];

/** A longer document is judged by its beginning, in UTF-16 units. */
const judgedLength = 20_000;

export const language = {
  name: "language",
  summary: `documents in one of some languages, as language=en or language=en+de; there are ${languages.join(" ")}`,
  source: "Cavnar & Trenkle 1994, N-Gram-Based Text Categorization",
  choices: languages,
  limits: {
    trigrams: { value: 20, doc: "trigrams of letters that a document must have to be judged; with fewer it stays" },
    least: { value: 0.2, doc: "score of the language, at least; 0 to 4, running text mostly has more than 1" },
  },
  judge: (text, limits, chosen) => {
    const { scores, trigrams } = scoreLanguages(text);
    if (trigrams < limits.trigrams) return undefined;
    const [best, score] = scores[0]!;
    return chosen.includes(best) && score >= limits.least ? undefined : "other-language";
  },
} as const satisfies Filter<"trigrams" | "least">;

/** Every language with the mean weight of the text's trigrams in it, the likeliest first, and how many trigrams were seen. */
export function scoreLanguages(text: string): {
  readonly scores: readonly (readonly [Language, number])[];
  readonly trigrams: number;
} {
  weights ??= weighProfiles();
  const sums = new Float64Array(languages.length);
  let trigrams = 0;
  for (const [word] of text
    .slice(0, judgedLength)
    .toLowerCase()
    .matchAll(/\p{L}+/gu)) {
    const padded = ` ${word} `;
    for (let at = 0; at + 3 <= padded.length; at++) {
      trigrams++;
      const own = weights.get(padded.slice(at, at + 3));
      if (own !== undefined) for (let i = 0; i < sums.length; i++) sums[i]! += own[i]!;
    }
  }
  const scores = languages.map((name, i) => [name, sums[i]! / Math.max(1, trigrams)] as const);
  return { scores: scores.sort((a, b) => b[1] - a[1]), trigrams };
}

let weights: Map<string, Float64Array> | undefined;

/** Of a trigram its weight in each language: shares of ranks fall as Zipf's law has it, so their logarithms do, and 0 stands for none. */
function weighProfiles(): Map<string, Float64Array> {
  const all = new Map<string, Float64Array>();
  for (const [i, name] of languages.entries()) {
    const profile: string = languageProfiles[name];
    const size = profile.length / 3;
    for (let rank = 0; rank < size; rank++) {
      const trigram = profile.slice(3 * rank, 3 * rank + 3);
      let own = all.get(trigram);
      if (own === undefined) all.set(trigram, (own = new Float64Array(languages.length)));
      own[i] = Math.log((2 * size) / (rank + 10));
    }
  }
  return all;
}
