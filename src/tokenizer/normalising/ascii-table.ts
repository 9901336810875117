// What a normaliser makes of ASCII, character by character. Most steps either leave a character alone or put another one in its place;
// where one reads several together, as two apostrophes, it is enough that no two of these meet.

import { compileNormaliser } from "./normalise.ts";
import type { Normaliser, NormaliserStep } from "./normaliser.ts";
import { findAscii } from "./replace-pattern.ts";

export interface AsciiTable {
  /** By byte, the one character that it becomes; 0 where that is none, several or not ASCII, or cannot be told of it alone. */
  readonly becomes: Uint8Array;
  /** By byte, 1 where a step reads it together with its neighbours that have a 1. */
  readonly meets: Uint8Array;
}

export function compileAscii(normaliser: Normaliser): AsciiTable {
  const becomes = new Uint8Array(256);
  const meets = new Uint8Array(256);
  const steps = normaliser.map(step => ({ apply: compileNormaliser([step]), found: findTogether(step) }));
  for (let byte = 0; byte < 128; byte++) {
    let character = String.fromCharCode(byte);
    for (const { apply, found } of steps) {
      if (found.includes(character)) meets[byte] = 1;
      character = apply(character);
      // What a later step makes of a letter beyond ASCII, it may make of several together.
      if (character.length !== 1 || character > "\x7f") {
        character = "";
        break;
      }
    }
    const unit = character.length === 1 ? character.charCodeAt(0) : 0;
    becomes[byte] = unit < 0x80 ? unit : 0;
  }
  return { becomes, meets };
}

/** The ASCII characters that a step may read several of at once, and only then does something else than with each. */
function findTogether(step: NormaliserStep): string {
  if (step.step !== "replace") return "";
  const { pattern, regex, by } = step;
  if (!regex) return pattern.length > 1 ? pattern : "";
  // What is deleted one by one or together is gone, and then no table has it.
  return pattern.endsWith("}") || (pattern.endsWith("+") && by !== "") ? findAscii(pattern) : "";
}
