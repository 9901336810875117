// Filled masks as lines of text, of a model that is asked and of one that trains.

import type { FilledMask } from "../../verbs/model/fill-masks.ts";
import { colour, print } from "./output.ts";

/** The text, and "word 41 %  word 12 %  …" for each of its masks. */
export function printFilled(text: string, masks: readonly FilledMask[]): void {
  print(colour("bold", text));
  for (const { candidates } of masks) {
    const words = candidates.map(({ token, probability }) => `${token} ${(100 * probability).toFixed(0)} %`);
    print(`  ${words.join("  ")}`);
  }
}
