// The words of a text that are to be predicted: chosen by their places in the raw text, before any tokenizer sees it, so that models of
// different tokenizers are asked the same. Text is made lower case ASCII first: what tells cases apart has no better chance then.

import { permutation, streams } from "../../base/random.ts";

export interface Passage {
  /** Runs of what is no white space, one space between each two. */
  readonly words: readonly string[];
  /** Places of the words that are predicted, ascending. */
  readonly masked: readonly number[];
}

const wordsOfPassage = 48;
/** 15 % of them, as BERT masks. */
const maskedOfPassage = 7;

/** The whole passages of documents, the first `most` of them. */
export function cutPassages(documents: Iterable<string>, most: number): Passage[] {
  const passages: Passage[] = [];
  for (const document of documents) {
    const words = simplify(document);
    for (let start = 0; start + wordsOfPassage <= words.length; start += wordsOfPassage) {
      if (passages.length === most) return passages;
      const order = permutation(wordsOfPassage, 0, streams.validationMasking, passages.length);
      const masked = [...order.slice(0, maskedOfPassage)].sort((a, b) => a - b);
      passages.push({ words: words.slice(start, start + wordsOfPassage), masked });
    }
  }
  return passages;
}

/** Words in lower case ASCII: letters lose their accents, and what has none is left out. */
function simplify(text: string): string[] {
  const plain = text.normalize("NFKD").replace(/[^\s\x21-\x7e]/g, "");
  return plain
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word !== "");
}

/** Each word with the space before it. */
export const countBytes = ({ words, masked }: Passage): number =>
  masked.reduce((sum, place) => sum + words[place]!.length + 1, 0);
