// Normalised text to words, as pairs of positions: the two pre-tokenizers of Hugging Face that BERTs use. `whitespace` is
// the regular expression \w+|[^\w\s]+ (so "..." is one word); `bert` sets every punctuation mark apart.

import { characterClass, characterClasses } from "../normalising/character-classes.ts";

export type PreTokenizer = "whitespace" | "bert";

/** Where words begin and end in a text, in UTF-16 units; reused from text to text. */
export interface WordSpans {
  count: number;
  /** Begin and end (exclusive) of each word, two entries a word. */
  bounds: Int32Array;
}

export function allocateSpans(): WordSpans {
  return { count: 0, bounds: new Int32Array(2048) };
}

/** Finds the words of a normalised text and leaves them in `spans`. */
export function splitWords(preTokenizer: PreTokenizer, text: string, spans: WordSpans): void {
  if (spans.bounds.length < 2 * text.length) spans.bounds = new Int32Array(2 * text.length);
  const bounds = spans.bounds;
  const classes = characterClasses();
  const { word, space, punctuation } = characterClass;
  const bert = preTokenizer === "bert";
  let count = 0;
  let previous = 0; // 0 between words, 1 and 2 within a word of either kind, 3 after a mark that stands alone
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    const begin = i;
    let bits = classes[unit]!;
    if (unit >= 0xd800 && unit < 0xdc00) {
      const point = text.codePointAt(i)!;
      bits = classes[point]!;
      if (point > 0xffff) i++;
    }
    let kind: number;
    if (bits & space) kind = 0;
    else if (bert) kind = bits & punctuation ? 3 : 1;
    else kind = bits & word ? 1 : 2;
    if (kind === previous && kind !== 3) continue;
    if (previous !== 0) bounds[2 * count++ + 1] = begin;
    if (kind !== 0) bounds[2 * count] = begin;
    previous = kind;
  }
  if (previous !== 0) bounds[2 * count++ + 1] = length;
  spans.count = count;
}
