// The classes of characters that a regular expression names, as sets of JavaScript's: those of Oniguruma, which knows Unicode 16 whatever
// Node does.

import { whiteSpaceSet } from "../normalising/character-classes.ts";
import { unicodeRanges } from "../normalising/unicode-ranges.ts";

const categories = /^(?:L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?)$/;
const scripts =
  /^(?:Han|Hiragana|Katakana|Hangul|Thai|Lao|Khmer|Myanmar|Latin|Greek|Cyrillic|Arabic|Hebrew|Devanagari)$/;

/** One character in a set. */
export const characterSource = (point: number): string => `\\u{${point.toString(16)}}`;

let unassigned: string | undefined;

function unassignedSource(): string {
  if (unassigned !== undefined) return unassigned;
  const numbers = unicodeRanges.unassigned.split(" ");
  let point = 0;
  let source = "";
  for (let i = 0; i < numbers.length; i += 2) {
    point += Number.parseInt(numbers[i]!, 36);
    source += characterSource(point);
    point += Number.parseInt(numbers[i + 1]!, 36);
    source += `-${characterSource(point)}`;
  }
  return (unassigned = `[${source}]`);
}

const asThere = (set: string): string => `[[${set}]--${unassignedSource()}]`;

/** The set of \s, \d or \w, by itself or in a set. */
export function shorthandSource(letter: "s" | "d" | "w", isMember: boolean): string {
  if (letter === "s") return `[${whiteSpaceSet}]`;
  if (letter === "d") return asThere("\\p{Nd}");
  // By itself it finds six numbers that are no digits as well.
  return asThere(`\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}${isMember ? "" : "\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}"}`);
}

/** The set of \p{name}; undefined for one that is not known to be the same. */
export function propertySource(name: string): string | undefined {
  if (scripts.test(name)) return asThere(`\\p{Script=${name}}`);
  if (!categories.test(name)) return undefined;
  // Unicode 17 made a letter without case of it.
  if (name === "Ll") return asThere("\\p{Ll}\\u{295}");
  if (name === "Lo") return `[${asThere("\\p{Lo}")}--[\\u{295}]]`;
  return asThere(`\\p{${name}}`);
}
