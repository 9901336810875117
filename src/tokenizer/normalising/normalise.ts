// Makes a function of a normaliser. Most texts are ASCII, and on those most steps can do nothing: they get a shorter list.

import { compilePattern, replaceMatches } from "../patterns/compile-pattern.ts";
import { characterClass } from "./character-classes.ts";
import { compileCharsMap, readCharsMap } from "./charsmap.ts";
import type { Normaliser, NormaliserStep } from "./normaliser.ts";
import { findAscii, isPortablePattern } from "./replace-pattern.ts";
import {
  cleanForTranslation,
  cleanText,
  deleteCharacters,
  lowercase,
  normaliseForm,
  separateIdeographs,
  strip,
} from "./unicode-steps.ts";

type Apply = (text: string) => string;

interface CompiledStep {
  readonly apply: Apply;
  /** The ASCII characters without which an ASCII text stays as it is. */
  readonly reads: string;
  /** Characters that it may put in. */
  readonly writes: string;
}

const surrogate = /[\ud800-\udfff]/;
const allAscii = String.fromCharCode(...Array.from({ length: 128 }, (_, unit) => unit));
const capitals = allAscii.slice(0x41, 0x5b);
const small = allAscii.slice(0x61, 0x7b);
const mostSteps = 30;

/**
 * Makes a function of a normaliser; compile once, call often. A surrogate without its other half, which UTF-8 cannot
 * hold and so Hugging Face never sees, counts as U+FFFD.
 */
export function compileNormaliser(normaliser: Normaliser): Apply {
  const steps = normaliser.flatMap(compileStep);
  const staysAscii = steps.every(({ writes }) => isAscii(writes)) && steps.length <= mostSteps;
  // A bit a step: which steps an ASCII character needs, and which ones what a step puts in.
  const needs = Uint32Array.from(allAscii, character => findReaders(steps, character));
  const more = steps.map(({ writes }) =>
    [...writes].reduce((bits, character) => bits | findReaders(steps, character), 0),
  );
  return text => {
    let needed = 0;
    let ascii = true;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) {
        ascii = false;
        break;
      }
      needed |= needs[unit]!;
    }
    let result = text;
    if (ascii && staysAscii) {
      for (let step = 0; needed >>> step !== 0; step++) {
        if ((needed & (1 << step)) === 0) continue;
        result = steps[step]!.apply(result);
        needed |= more[step]!;
      }
      return result;
    }
    if (!ascii) result = replaceLoneSurrogates(result);
    for (const { apply } of steps) result = apply(result);
    return result;
  };
}

function findReaders(steps: readonly CompiledStep[], character: string): number {
  return steps.reduce((bits, { reads }, step) => (reads.includes(character) ? bits | (1 << step) : bits), 0);
}

function replaceLoneSurrogates(text: string): string {
  return surrogate.test(text) ? text.replace(/\p{Surrogate}/gu, "\ufffd") : text;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

function compileStep(step: NormaliserStep): CompiledStep[] {
  const leavesAscii = { reads: "", writes: "" };
  switch (step.step) {
    case "nfc":
      return [{ apply: text => normaliseForm(text, "NFC"), ...leavesAscii }];
    case "nfd":
      return [{ apply: text => normaliseForm(text, "NFD"), ...leavesAscii }];
    case "nfkc":
      return [{ apply: text => normaliseForm(text, "NFKC"), ...leavesAscii }];
    case "nfkd":
      return [{ apply: text => normaliseForm(text, "NFKD"), ...leavesAscii }];
    case "nmt":
      return [{ apply: cleanForTranslation, reads: `${allAscii.slice(0, 32)}\x7f`, writes: " " }];
    case "precompiled": {
      const apply = compileCharsMap(readCharsMap(step.charsmap)!);
      const reads = [...allAscii].filter(character => character === "\r" || apply(character) !== character);
      return [{ apply, reads: reads.join(""), writes: reads.map(apply).join("") + apply("\r\n") }];
    }
    case "strip":
      return [{ apply: text => strip(text, step.left, step.right), reads: "\t\n\v\f\r ", writes: "" }];
    case "prepend":
      return [{ apply: text => (text === "" ? "" : step.text + text), reads: allAscii, writes: step.text }];
    case "lowercase":
      return [{ apply: lowercase, reads: capitals, writes: small }];
    case "strip-accents":
      return [{ apply: text => deleteCharacters(text, characterClass.anyMark), ...leavesAscii }];
    case "replace":
      return [compileReplace(step.pattern, step.regex, step.by)];
    case "bert": {
      const steps: CompiledStep[] = [];
      if (step.cleanText) steps.push({ apply: cleanText, reads: `${allAscii.slice(0, 32)}\x7f`, writes: " " });
      if (step.separateIdeographs) steps.push({ apply: separateIdeographs, ...leavesAscii });
      if (step.stripAccents) {
        steps.push({ apply: text => normaliseForm(text, "NFD"), ...leavesAscii });
        steps.push({ apply: text => deleteCharacters(text, characterClass.nonspacingMark), ...leavesAscii });
      }
      if (step.lowercase) steps.push({ apply: lowercase, reads: capitals, writes: small });
      return steps;
    }
    default:
      return step satisfies never;
  }
}

function compileReplace(pattern: string, isRegex: boolean, by: string): CompiledStep {
  const template = by.replaceAll("$", "$$$$");
  if (!isRegex) return { apply: text => text.replaceAll(pattern, template), reads: pattern, writes: by };
  if (!isPortablePattern(pattern)) {
    const regex = compilePattern(pattern);
    return { apply: text => replaceMatches(text, regex, by), reads: allAscii, writes: by };
  }
  // Without "u" a pattern is faster and sees a surrogate pair as two characters. That is the same unless it names one, or
  // what is not named is replaced one by one.
  const seesPairs = surrogate.test(pattern) || (pattern.startsWith("[^") && !pattern.endsWith("+"));
  const regex = new RegExp(pattern, seesPairs ? "gu" : "g");
  return { apply: text => text.replace(regex, template), reads: findAscii(pattern), writes: by };
}
