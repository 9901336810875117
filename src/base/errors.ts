// The one error class for what a person can fix. Everything else is a bug and keeps its stack.
// Only cli/ catches: it prints a UserError as three lines and anything else with its stack.
// Messages quote files and servers, so they are made printable and cut here, once for all.

import { makePrintable } from "./printable.ts";

const mostMessageCharacters = 1000;
const mostAdviceCharacters = 2000;

export class UserError extends Error {
  readonly code: string;
  readonly advice: string;

  /**
   * @param code stable name, `E_` and upper case, explained in docs/ERRORS.md
   * @param message what failed and what was seen there (file, line, value)
   * @param advice what the person can do about it, one sentence
   */
  constructor(code: `E_${string}`, message: string, advice: string, options?: { cause?: unknown }) {
    super(makePrintable(message, mostMessageCharacters), options);
    this.name = "UserError";
    this.code = code;
    this.advice = makePrintable(advice, mostAdviceCharacters);
  }
}

/** The names nearest to a misspelt one, best first: for "did you mean". */
export function nearestNames(name: string, known: readonly string[]): string[] {
  return known
    .map(candidate => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
