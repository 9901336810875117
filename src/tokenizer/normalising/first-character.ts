// Whether what a normaliser leaves of a text begins where the text does: Hugging Face's metaspace of the scheme "first" puts no space
// before what stood behind something that is gone.

import { compilePattern } from "../patterns/compile-pattern.ts";
import { compileNormaliser } from "./normalise.ts";
import type { Normaliser, NormaliserStep } from "./normaliser.ts";
import { isPortablePattern } from "./replace-pattern.ts";

/** Tells of a text whether its first character is left, as itself or as another one. */
export function compileFirstKept(normaliser: Normaliser): (text: string) => boolean {
  const steps = normaliser.map(step => ({
    apply: compileNormaliser([step]),
    measure: measureReplaced(step),
    // What a map takes from the begin is not counted there.
    leavesFirst: (step.step === "strip" && !step.left) || step.step === "precompiled",
  }));
  return text => {
    let left = text;
    for (const { apply, measure, leavesFirst } of steps) {
      if (left === "") return false;
      if (leavesFirst) {
        left = apply(left);
        continue;
      }
      // What several characters are replaced by stands at the last one of them.
      if (measure(left) > 1 || apply(String.fromCodePoint(left.codePointAt(0)!)) === "") return false;
      left = apply(left);
    }
    return left !== "";
  };
}

/** How many characters at the beginning of a text a step replaces together. */
function measureReplaced(step: NormaliserStep): (text: string) => number {
  if (step.step !== "replace") return () => 0;
  const { pattern, regex } = step;
  if (!regex) return text => (text.startsWith(pattern) ? [...pattern].length : 0);
  // A set as it stands in the file may have what flag v forbids there, as brackets and bars.
  const [source, flag] = isPortablePattern(pattern) ? [pattern, "u"] : [compilePattern(pattern).source, "v"];
  const start = new RegExp(`^(?:${source})`, flag);
  return text => [...(start.exec(text)?.[0] ?? "")].length;
}
