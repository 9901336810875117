// Normalised text to words, as pairs of places among its bytes: the pre-tokenizers of Hugging Face. `whitespace` is the regular expression
// \w+|[^\w\s]+ (so "..." is one word); `bert` sets every punctuation mark apart; `byte-level` is GPT-2's, which leaves a space with
// the word behind it; `metaspace` is SentencePiece's, which writes a space as "▁" and begins a word with it.

import type { CutStep, PrefixSpace } from "../cutting/cut-step.ts";
import { characterClass, characterClasses } from "../normalising/character-classes.ts";
import { pointAt, sizeOf, type TextBytes } from "./text-bytes.ts";

export const preTokenizerNames = ["whitespace", "bert", "byte-level", "metaspace"] as const;
export type PreTokenizerName = (typeof preTokenizerNames)[number];

export interface PreTokenizer {
  readonly name: PreTokenizerName;
  readonly prefixSpace: PrefixSpace;
  /** What cuts instead, of a file that has more than one pre-tokenizer or another; then the name says what its words are made of. */
  readonly steps?: readonly CutStep[];
}

/** What a learned tokenizer has: where a space counts, the first word is written as any other. Of bytes `tokenizers` knows no "first". */
export function preTokenizerOf(name: PreTokenizerName): PreTokenizer {
  return { name, prefixSpace: !keepsSpaces(name) ? "never" : name === "metaspace" ? "first" : "always" };
}

/** Whether a space is a part of words; else it only ends them. */
export const keepsSpaces = (name: PreTokenizerName): boolean => name === "byte-level" || name === "metaspace";

/** Where words begin and end in a text, in bytes; reused from text to text. */
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
export function splitWords(name: PreTokenizerName, text: TextBytes, spans: WordSpans): void {
  if (spans.bounds.length < 2 * text.length) spans.bounds = new Int32Array(4 * text.length);
  if (name === "byte-level") splitBytes(text, spans);
  else if (name === "metaspace") splitMetaspace(text, spans);
  else splitClasses(text, spans, name === "bert");
}

function splitClasses({ bytes, length }: TextBytes, spans: WordSpans, bert: boolean): void {
  const bounds = spans.bounds;
  const classes = characterClasses();
  const { word, space, punctuation } = characterClass;
  let count = 0;
  let previous = 0; // 0 between words, 1 and 2 within a word of either kind, 3 after a mark that stands alone
  for (let at = 0, next = 0; at < length; at = next) {
    const lead = bytes[at]!;
    const bits = classes[lead < 0x80 ? lead : pointAt(bytes, at)]!;
    next = at + sizeOf(lead);
    let kind: number;
    if (bits & space) kind = 0;
    else if (bert) kind = bits & punctuation ? 3 : 1;
    else kind = bits & word ? 1 : 2;
    if (kind === previous && kind !== 3) continue;
    if (previous !== 0) bounds[2 * count++ + 1] = at;
    if (kind !== 0) bounds[2 * count] = at;
    previous = kind;
  }
  if (previous !== 0) bounds[2 * count++ + 1] = length;
  spans.count = count;
}

/** The first byte of "▁"; two more follow. */
const [metaspaceByte, ...metaspaceRest] = Buffer.from("▁");

function splitMetaspace({ bytes, length }: TextBytes, spans: WordSpans): void {
  const { bounds } = spans;
  let count = 0;
  for (let at = 0; at < length; at++) {
    const begins =
      bytes[at] === metaspaceByte && bytes[at + 1] === metaspaceRest[0] && bytes[at + 2] === metaspaceRest[1];
    if (!begins && at > 0) continue;
    if (at > 0) bounds[2 * count++ + 1] = at;
    bounds[2 * count] = at;
  }
  if (length > 0) bounds[2 * count++ + 1] = length;
  spans.count = count;
}

const { space: spaceBit, letter, number } = characterClass;
const wordBits = spaceBit | letter | number;

/** 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
function splitBytes(text: TextBytes, spans: WordSpans): void {
  const { bytes, length } = text;
  const bounds = spans.bounds;
  let count = 0;
  for (let begin = 0; begin < length; ) {
    let end = begin + measureContraction(bytes, begin);
    if (end === begin) {
      const start = bytes[begin] === 0x20 ? begin + 1 : begin;
      const bits = start < length ? characterClasses()[pointAt(bytes, start)]! & wordBits : spaceBit;
      if (bits !== spaceBit) end = skipClass(text, start, bits);
      else {
        end = skipClass(text, begin, spaceBit);
        // The last of several belongs to what follows them, even where it is no space.
        if (end < length) end = beforeLast(bytes, begin, end);
      }
    }
    bounds[2 * count] = begin;
    bounds[2 * count++ + 1] = end;
    begin = end;
  }
  spans.count = count;
}

/** Where the last of several characters begins; of one, where it ends. */
function beforeLast(bytes: Uint8Array, begin: number, end: number): number {
  let last = end - 1;
  while ((bytes[last]! & 0xc0) === 0x80) last--;
  return last > begin ? last : end;
}

const [apostrophe, s, t, m, d, r, e, v, l] = Buffer.from("'stmdrevl");

/** Behind a text stand spaces, so none reaches over its end. */
function measureContraction(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== apostrophe) return 0;
  const next = bytes[at + 1];
  if (next === s || next === t || next === m || next === d) return 2;
  const third = bytes[at + 2];
  return ((next === r || next === v) && third === e) || (next === l && third === l) ? 3 : 0;
}

/** Where the characters end, from `at` on, that have of `wordBits` exactly `bits`. */
function skipClass({ bytes, length }: TextBytes, at: number, bits: number): number {
  const classes = characterClasses();
  let end = at;
  while (end < length && (classes[pointAt(bytes, end)]! & wordBits) === bits) end += sizeOf(bytes[end]!);
  return end;
}
