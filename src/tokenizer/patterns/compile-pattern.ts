// The regular expressions of a tokenizer.json, which are Oniguruma's, as JavaScript's: what both have, classes by the tables there, and what
// is written otherwise. What is not known to be the same is refused by name.

import { readPattern, UnknownPattern } from "./read-pattern.ts";

const compiled = new Map<string, RegExp>();

/** The same pattern for JavaScript, with the flags g and v. Throws for one that `findUnknown` names something of. */
export function compilePattern(pattern: string): RegExp {
  let regex = compiled.get(pattern);
  if (regex === undefined) compiled.set(pattern, (regex = new RegExp(readPattern(pattern), "gv")));
  regex.lastIndex = 0;
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
