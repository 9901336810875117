// Normalised text to words, as pairs of positions: the pre-tokenizers of Hugging Face. `whitespace` is the regular expression
// \w+|[^\w\s]+ (so "..." is one word); `bert` sets every punctuation mark apart; `byte-level` is GPT-2's, which leaves a space with
// the word behind it; `metaspace` is SentencePiece's, which writes a space as "▁" and begins a word with it.

import { characterClass, characterClasses } from "../normalising/character-classes.ts";

export const preTokenizerNames = ["whitespace", "bert", "byte-level", "metaspace"] as const;
export type PreTokenizerName = (typeof preTokenizerNames)[number];

export interface PreTokenizer {
  readonly name: PreTokenizerName;
  /** Where a text that begins with no space gets one: where any part of it begins, or its first part; parts are what special tokens leave. */
  readonly prefixSpace: "always" | "first" | "never";
}

/** What a learned tokenizer has: where a space counts, the first word is written as any other. Of bytes `tokenizers` knows no "first". */
export function preTokenizerOf(name: PreTokenizerName): PreTokenizer {
  return { name, prefixSpace: !keepsSpaces(name) ? "never" : name === "metaspace" ? "first" : "always" };
}

/** Whether a space is a part of words; else it only ends them. */
export const keepsSpaces = (name: PreTokenizerName): boolean => name === "byte-level" || name === "metaspace";

/** Where words begin and end in a text, in UTF-16 units; reused from text to text. */
export interface WordSpans {
  count: number;
  /** Begin and end (exclusive) of each word, two entries a word. */
  bounds: Int32Array;
}

export function allocateSpans(): WordSpans {
  return { count: 0, bounds: new Int32Array(2048) };
}

/** A normalised text as `splitWords` reads it; `isPart` and `isFirst` say whether a part, and the first one, begins with it. */
export function prepareText(
  { name, prefixSpace }: PreTokenizer,
  text: string,
  isPart: boolean,
  isFirst: boolean,
): string {
  if (!keepsSpaces(name)) return text;
  const written = name === "metaspace" ? text.replaceAll(" ", "▁") : text;
  const space = name === "metaspace" ? "▁" : " ";
  const isPrefixed = isPart && (prefixSpace === "always" || (prefixSpace === "first" && isFirst));
  return isPrefixed && written !== "" && !written.startsWith(space) ? space + written : written;
}

/** Finds the words of a normalised text and leaves them in `spans`. */
export function splitWords(name: PreTokenizerName, text: string, spans: WordSpans): void {
  if (spans.bounds.length < 2 * text.length) spans.bounds = new Int32Array(2 * text.length);
  if (name === "byte-level") splitBytes(text, spans);
  else if (name === "metaspace") splitMetaspace(text, spans);
  else splitClasses(text, spans, name === "bert");
}

function splitClasses(text: string, spans: WordSpans, bert: boolean): void {
  const bounds = spans.bounds;
  const classes = characterClasses();
  const { word, space, punctuation } = characterClass;
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

function splitMetaspace(text: string, spans: WordSpans): void {
  let count = 0;
  for (let begin = 0; begin < text.length; ) {
    const next = text.indexOf("▁", begin + 1);
    const end = next < 0 ? text.length : next;
    spans.bounds[2 * count] = begin;
    spans.bounds[2 * count++ + 1] = end;
    begin = end;
  }
  spans.count = count;
}

const { space: spaceBit, letter, number } = characterClass;
const wordBits = spaceBit | letter | number;

/** 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
function splitBytes(text: string, spans: WordSpans): void {
  const bounds = spans.bounds;
  let count = 0;
  for (let begin = 0; begin < text.length; ) {
    let end = begin + measureContraction(text, begin);
    if (end === begin) {
      const start = text.charCodeAt(begin) === 0x20 ? begin + 1 : begin;
      const bits = classAt(text, start) & wordBits;
      if (start < text.length && bits !== spaceBit) end = skipClass(text, start, bits);
      else {
        end = skipClass(text, begin, spaceBit);
        // The last of several belongs to what follows them, even where it is no space.
        if (end < text.length && end > begin + 1) end -= 1;
      }
    }
    bounds[2 * count] = begin;
    bounds[2 * count++ + 1] = end;
    begin = end;
  }
  spans.count = count;
}

function measureContraction(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x27) return 0;
  const next = text[at + 1];
  if (next === "s" || next === "t" || next === "m" || next === "d") return 2;
  const two = text.slice(at + 1, at + 3);
  return two === "re" || two === "ve" || two === "ll" ? 3 : 0;
}

function classAt(text: string, at: number): number {
  return at < text.length ? characterClasses()[text.codePointAt(at)!]! : 0;
}

/** Where the characters end, from `at` on, that have of `wordBits` exactly `bits`. */
function skipClass(text: string, at: number, bits: number): number {
  const classes = characterClasses();
  let end = at;
  while (end < text.length) {
    const unit = text.charCodeAt(end);
    const point = unit >= 0xd800 && unit < 0xdc00 ? text.codePointAt(end)! : unit;
    if ((classes[point]! & wordBits) !== bits) break;
    end += point > 0xffff ? 2 : 1;
  }
  return end;
}
