// What the pre-tokenizers look for in a text: characters of a class one by one, words of classes, or what a pattern matches.

import { characterClass, characterClasses } from "../normalising/character-classes.ts";
import { findAll } from "../patterns/compile-pattern.ts";
import type { Part } from "./join-matches.ts";

export type FindParts = (text: string) => Part[];

/** Each character that has one of some bits of `characterClass`. */
export function findCharacters(bits: number): FindParts {
  return text => {
    const classes = characterClasses();
    const parts: Part[] = [];
    let done = 0;
    for (let begin = 0, end = 0; begin < text.length; begin = end) {
      const point = text.codePointAt(begin)!;
      end = begin + (point > 0xffff ? 2 : 1);
      if ((classes[point]! & bits) === 0) continue;
      if (done < begin) parts.push({ begin: done, end: begin, isFound: false });
      parts.push({ begin, end, isFound: true });
      done = end;
    }
    if (done < text.length) parts.push({ begin: done, end: text.length, isFound: false });
    return parts;
  };
}

/** White space is found; what stands between is words, and runs of what is neither. */
export const findSpaces: FindParts = text => {
  const classes = characterClasses();
  const parts: Part[] = [];
  let begin = 0;
  let before: number | undefined;
  for (let at = 0; at < text.length; ) {
    const point = text.codePointAt(at)!;
    const kind = classes[point]! & (characterClass.space | characterClass.word);
    if (before !== undefined && kind !== before) {
      parts.push({ begin, end: at, isFound: before === characterClass.space });
      begin = at;
    }
    before = kind;
    at += point > 0xffff ? 2 : 1;
  }
  if (before !== undefined) parts.push({ begin, end: text.length, isFound: before === characterClass.space });
  return parts;
};

/** Each match of a pattern. */
export function findMatches(pattern: RegExp): FindParts {
  return text => {
    const parts: Part[] = [];
    let done = 0;
    for (const { begin, end } of findAll(text, pattern)) {
      if (done < begin) parts.push({ begin: done, end: begin, isFound: false });
      parts.push({ begin, end, isFound: true });
      done = end;
    }
    if (done < text.length) parts.push({ begin: done, end: text.length, isFound: false });
    return parts;
  };
}
