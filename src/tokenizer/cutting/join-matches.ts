// What was found in a text and what stands between, joined as `tokenizers` does by the behaviour of a pre-tokenizer.

import type { Behaviour } from "./cut-step.ts";

/** A part of a text; all together they are the text. */
export interface Part {
  readonly begin: number;
  readonly end: number;
  readonly isFound: boolean;
}

/** Where the pieces are: what is left of them is never empty. */
export function joinMatches(parts: readonly Part[], behaviour: Behaviour): { begin: number; end: number }[] {
  const pieces: { begin: number; end: number }[] = [];
  let before = false;
  const isJoined = (isFound: boolean): boolean =>
    behaviour === "contiguous"
      ? isFound === before
      : behaviour !== "isolated" && behaviour !== "removed" && isFound && !before;
  const backwards = behaviour === "merged_with_next";
  for (const { begin, end, isFound } of backwards ? parts.toReversed() : parts) {
    const last = pieces.at(-1);
    if (behaviour === "removed" && isFound) continue;
    if (last !== undefined && isJoined(isFound)) {
      if (backwards) last.begin = begin;
      else last.end = end;
    } else pieces.push({ begin, end });
    before = isFound;
  }
  return (backwards ? pieces.reverse() : pieces).filter(({ begin, end }) => begin < end);
}
