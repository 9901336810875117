// Makes a function of a normaliser. Most texts are ASCII, and on those most steps can do nothing: they get a shorter list.

import { characterClass } from "./character-classes.ts";
import type { Normaliser, NormaliserStep } from "./normaliser.ts";
import { matchesAscii } from "./replace-pattern.ts";
import { cleanText, deleteCharacters, lowercase, normaliseForm, separateIdeographs } from "./unicode-steps.ts";

type Apply = (text: string) => string;

interface CompiledStep {
  readonly apply: Apply;
  /** Whether it can change a text of ASCII characters. */
  readonly changesAscii: boolean;
}

const surrogate = /[\ud800-\udfff]/;

/**
 * Makes a function of a normaliser; compile once, call often. A surrogate without its other half, which UTF-8 cannot
 * hold and so Hugging Face never sees, counts as U+FFFD.
 */
export function compileNormaliser(normaliser: Normaliser): Apply {
  const steps = normaliser.flatMap(compileStep);
  const staysAscii = normaliser.every(step => step.step !== "replace" || isAscii(step.by));
  const asciiSteps = staysAscii ? steps.filter(step => step.changesAscii) : steps;
  return text => {
    const ascii = isAscii(text);
    let result = ascii ? text : replaceLoneSurrogates(text);
    for (const { apply } of ascii ? asciiSteps : steps) result = apply(result);
    return result;
  };
}

function replaceLoneSurrogates(text: string): string {
  return surrogate.test(text) ? text.replace(/\p{Surrogate}/gu, "\ufffd") : text;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

function compileStep(step: NormaliserStep): CompiledStep[] {
  switch (step.step) {
    case "nfc":
      return [{ apply: text => normaliseForm(text, "NFC"), changesAscii: false }];
    case "nfd":
      return [{ apply: text => normaliseForm(text, "NFD"), changesAscii: false }];
    case "nfkc":
      return [{ apply: text => normaliseForm(text, "NFKC"), changesAscii: false }];
    case "lowercase":
      return [{ apply: lowercase, changesAscii: true }];
    case "strip-accents":
      return [{ apply: text => deleteCharacters(text, characterClass.anyMark), changesAscii: false }];
    case "replace":
      return [compileReplace(step.pattern, step.regex, step.by.replaceAll("$", "$$$$"))];
    case "bert": {
      const steps: CompiledStep[] = [];
      if (step.cleanText) steps.push({ apply: cleanText, changesAscii: true });
      if (step.separateIdeographs) steps.push({ apply: separateIdeographs, changesAscii: false });
      if (step.stripAccents) {
        steps.push({ apply: text => normaliseForm(text, "NFD"), changesAscii: false });
        steps.push({ apply: text => deleteCharacters(text, characterClass.nonspacingMark), changesAscii: false });
      }
      if (step.lowercase) steps.push({ apply: lowercase, changesAscii: true });
      return steps;
    }
    default:
      return step satisfies never;
  }
}

function compileReplace(pattern: string, isRegex: boolean, by: string): CompiledStep {
  if (!isRegex) return { apply: text => text.replaceAll(pattern, by), changesAscii: isAscii(pattern) };
  // Without "u" a pattern is faster and sees a surrogate pair as two characters. That is the same unless it names one, or
  // what is not named is replaced one by one.
  const seesPairs = surrogate.test(pattern) || (pattern.startsWith("[^") && !pattern.endsWith("+"));
  const regex = new RegExp(pattern, seesPairs ? "gu" : "g");
  return { apply: text => text.replace(regex, by), changesAscii: matchesAscii(pattern) };
}
