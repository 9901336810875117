// The regular expressions of a tokenizer.json, which are Oniguruma's, as JavaScript's: what both have, classes by the tables there, and what
// is written otherwise. What is not known to be the same is refused by name.

import { readPattern, UnknownPattern } from "./read-pattern.ts";

const compiled = new Map<string, RegExp>();

/** The same pattern for JavaScript, with the flags g and v. Throws for one that `findUnknown` names something of. */
export function compilePattern(pattern: string): RegExp {
  let regex = compiled.get(pattern);
  if (regex === undefined) compiled.set(pattern, (regex = new RegExp(readPattern(pattern).source, "gv")));
  return regex;
}

/** What of a pattern cannot be said in JavaScript; undefined where all can. */
export function findUnknown(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof UnknownPattern) return error.message;
    if (error instanceof SyntaxError) return pattern;
    throw error;
  }
}

/** The same of a pattern that replaces: of one that may match nothing they set in more than one text at some places. */
export function findUnknownReplace(pattern: string): string | undefined {
  return findUnknown(pattern) ?? (readPattern(pattern).isEmpty ? pattern : undefined);
}

/** Every match of a text, as Oniguruma goes through them: an empty one behind another is none, and an empty text has none. */
export function* findAll(text: string, pattern: RegExp): Generator<{ begin: number; end: number }> {
  let done = -1;
  // matchAll would make the pattern again for every text.
  for (let next = 0; text !== "" && next <= text.length; ) {
    pattern.lastIndex = next;
    const match = pattern.exec(text);
    if (match === null) return;
    const begin = match.index;
    const end = begin + match[0].length;
    next = begin < end ? end : end + (text.codePointAt(end)! > 0xffff ? 2 : 1);
    if (begin === end && begin === done) continue;
    yield { begin, end };
    done = end;
  }
}

/** A text with another one in the place of each match. */
export function replaceMatches(text: string, pattern: RegExp, by: string): string {
  let replaced = "";
  let done = 0;
  for (const { begin, end } of findAll(text, pattern)) {
    replaced += text.slice(done, begin) + by;
    done = end;
  }
  return replaced + text.slice(done);
}
