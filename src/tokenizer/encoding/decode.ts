// Token ids back to text: pieces joined, a space before each word, and the spaces taken out again that English does not
// write. The same text as Hugging Face's WordPiece decoder with cleanup; upper case and accents are gone for good.

import type { Tokenizer } from "../tokenizer.ts";

/** The text of ids. `specialTokens` says whether special tokens appear in it. An id outside the vocabulary is a bug. */
export function decodeTokens(
  tokenizer: Tokenizer,
  ids: ArrayLike<number>,
  specialTokens: "keep" | "skip" = "keep",
): string {
  const skipped = new Set(specialTokens === "skip" ? tokenizer.specialTokens : []);
  let text = "";
  let first = true;
  for (let i = 0; i < ids.length; i++) {
    const token = tokenizer.vocabulary[ids[i]!];
    if (token === undefined) throw new RangeError(`token id ${ids[i]} is not below ${tokenizer.vocabulary.length}`);
    if (skipped.has(token)) continue;
    text += cleanUp(first ? token : token.startsWith("##") ? token.slice(2) : ` ${token}`);
    first = false;
  }
  return text;
}

function cleanUp(piece: string): string {
  if (!piece.includes(" ")) return piece;
  return piece
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}
