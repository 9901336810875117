// Documents by their length in words, which are what white space separates.

import type { Filter } from "./filter.ts";

export const length = {
  name: "length",
  summary: "documents of a length in words",
  source: "Rae et al. 2021, Gopher, arXiv 2112.11446, appendix A.1",
  limits: {
    least: { value: 50, doc: "words of the shortest" },
    most: { value: 100_000, doc: "words of the longest" },
  },
  judge: (text, { least, most }) => {
    const words = countWords(text);
    if (words < least) return "short";
    return words > most ? "long" : undefined;
  },
} as const satisfies Filter<"least" | "most">;

function countWords(text: string): number {
  let count = 0;
  for (const _ of text.matchAll(/\S+/g)) count++;
  return count;
}
