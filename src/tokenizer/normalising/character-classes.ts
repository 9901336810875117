// What each code point is to the tokenizer, as bits in one table of 2.2 MB made on first use. The ranges are those of
// Hugging Face `tokenizers`, not of Node's Unicode version, so ids are the same on every Node and the same as theirs.

import { unicodeRanges } from "./unicode-ranges.ts";

export const characterClass = {
  word: 1,
  punctuation: 2,
  space: 4,
  nonspacingMark: 8,
  anyMark: 16,
  dropped: 32,
  ideograph: 64,
  inert: 128,
  letter: 256,
  number: 512,
  numeric: 1024,
} as const;

/** The characters of `space`, as in the brackets of a regular expression. */
export const whiteSpaceSet = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

let table: Uint16Array | undefined;

/** Bits of `characterClass` for every code point. Read only. */
export function characterClasses(): Uint16Array {
  if (table) return table;
  table = new Uint16Array(0x110000);
  for (const name of Object.keys(characterClass) as (keyof typeof characterClass)[]) {
    const numbers = unicodeRanges[name].split(" ");
    let point = 0;
    for (let i = 0; i < numbers.length; i += 2) {
      point += Number.parseInt(numbers[i]!, 36);
      const end = point + Number.parseInt(numbers[i + 1]!, 36);
      for (; point < end; point++) table[point]! |= characterClass[name];
      table[point]! |= characterClass[name];
    }
  }
  return table;
}
