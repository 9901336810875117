// Normalisers in a tokenizer.json, there and back. What is read gives the text it gives in Hugging Face `tokenizers`, or
// is refused.

import { findUnknownReplace } from "../patterns/compile-pattern.ts";
import { readCharsMap } from "./charsmap.ts";
import type { Normaliser, NormaliserStep } from "./normaliser.ts";
import { isPortablePattern } from "./replace-pattern.ts";

/** Ends reading with the error that this part of the file cannot be honoured. */
export type Refuse = (what: string) => never;

export type Json = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The `normalizer` of a tokenizer.json. */
export function encodeNormaliser(normaliser: Normaliser): object {
  const steps = normaliser.map(encodeStep);
  return steps.length === 1 ? steps[0]! : { type: "Sequence", normalizers: steps };
}

function encodeStep(step: NormaliserStep): object {
  switch (step.step) {
    case "nfc":
      return { type: "NFC" };
    case "nfd":
      return { type: "NFD" };
    case "nfkc":
      return { type: "NFKC" };
    case "nfkd":
      return { type: "NFKD" };
    case "nmt":
      return { type: "Nmt" };
    case "precompiled":
      return { type: "Precompiled", precompiled_charsmap: step.charsmap };
    case "strip":
      return { type: "Strip", strip_left: step.left, strip_right: step.right };
    case "prepend":
      return { type: "Prepend", prepend: step.text };
    case "lowercase":
      return { type: "Lowercase" };
    case "strip-accents":
      return { type: "StripAccents" };
    case "replace":
      return { type: "Replace", pattern: { [step.regex ? "Regex" : "String"]: step.pattern }, content: step.by };
    case "bert":
      return {
        type: "BertNormalizer",
        clean_text: step.cleanText,
        handle_chinese_chars: step.separateIdeographs,
        strip_accents: step.stripAccents,
        lowercase: step.lowercase,
      };
    default:
      return step satisfies never;
  }
}

/** The normaliser of the `normalizer` of a tokenizer.json. */
export function decodeNormaliser(value: unknown, refuse: Refuse): Normaliser {
  if (value === null || value === undefined) return [];
  if (!isObject(value)) return refuse("normalizer is not an object");
  switch (value.type) {
    case "Sequence":
      if (!Array.isArray(value.normalizers)) return refuse("normalizer Sequence has no list of normalizers");
      return value.normalizers.flatMap(step => decodeNormaliser(step, refuse));
    case "NFC":
      return [{ step: "nfc" }];
    case "NFD":
      return [{ step: "nfd" }];
    case "NFKC":
      return [{ step: "nfkc" }];
    case "NFKD":
      return [{ step: "nfkd" }];
    case "Nmt":
      return [{ step: "nmt" }];
    case "Precompiled": {
      const { precompiled_charsmap: charsmap } = value;
      if (typeof charsmap !== "string" || readCharsMap(charsmap) === undefined) {
        return refuse("normalizer Precompiled without its map");
      }
      return [{ step: "precompiled", charsmap }];
    }
    case "Strip": {
      const { strip_left: left, strip_right: right } = value;
      if (typeof left !== "boolean" || typeof right !== "boolean") return refuse("normalizer Strip without its sides");
      return [{ step: "strip", left, right }];
    }
    case "Prepend":
      if (typeof value.prepend !== "string") return refuse("normalizer Prepend without its text");
      return [{ step: "prepend", text: value.prepend }];
    case "Lowercase":
      return [{ step: "lowercase" }];
    case "StripAccents":
      return [{ step: "strip-accents" }];
    case "Replace":
      return [decodeReplace(value, refuse)];
    case "BertNormalizer":
      return [decodeBert(value, refuse)];
    default:
      return refuse(`normalizer ${JSON.stringify(value.type)}`);
  }
}

function decodeReplace({ pattern, content: by }: Json, refuse: Refuse): NormaliserStep {
  if (isObject(pattern) && typeof by === "string") {
    const { String: literal, Regex: regex } = pattern;
    if (typeof literal === "string" && literal !== "") return { step: "replace", pattern: literal, regex: false, by };
    if (typeof regex === "string") {
      const unknown = isPortablePattern(regex) ? undefined : findUnknownReplace(regex);
      if (unknown !== undefined) refuse(`normalizer Replace with ${JSON.stringify(unknown)} in its pattern`);
      return { step: "replace", pattern: regex, regex: true, by };
    }
  }
  return refuse(`normalizer Replace with the pattern ${JSON.stringify(pattern)}`);
}

function decodeBert(value: Json, refuse: Refuse): NormaliserStep {
  const flag = (name: string, otherwise?: unknown): boolean => {
    const flagged = value[name] ?? otherwise;
    return typeof flagged === "boolean" ? flagged : refuse(`normalizer BertNormalizer without ${name}`);
  };
  const lowercase = flag("lowercase");
  return {
    step: "bert",
    cleanText: flag("clean_text"),
    separateIdeographs: flag("handle_chinese_chars"),
    stripAccents: flag("strip_accents", lowercase),
    lowercase,
  };
}
