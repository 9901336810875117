// Cut steps as the `pre_tokenizer` of a tokenizer.json, there and back.

import { quoteValue } from "../../base/printable.ts";
import { isObject, type Json, type Refuse } from "../normalising/normaliser-json.ts";
import { findUnknown } from "../patterns/compile-pattern.ts";
import { type Behaviour, behaviours, type CutStep } from "./cut-step.ts";

/** Steps as one pre-tokenizer; null for none. */
export function encodeCuts(steps: readonly CutStep[]): object | null {
  const encoded = steps.map(encodeStep);
  return encoded.length === 0
    ? null
    : encoded.length === 1
      ? encoded[0]!
      : { type: "Sequence", pretokenizers: encoded };
}

function encodeStep(step: CutStep): object {
  switch (step.step) {
    case "whitespace":
      return { type: "Whitespace" };
    case "whitespace-split":
      return { type: "WhitespaceSplit" };
    case "bert":
      return { type: "BertPreTokenizer" };
    case "punctuation":
      return { type: "Punctuation", behavior: writeBehaviour(step.behaviour) };
    case "digits":
      return { type: "Digits", individual_digits: step.apart };
    case "delimiter":
      return { type: "CharDelimiterSplit", delimiter: step.character };
    case "split":
      return {
        type: "Split",
        pattern: { [step.regex ? "Regex" : "String"]: step.pattern },
        behavior: writeBehaviour(step.behaviour),
        invert: step.invert,
      };
    case "metaspace":
      return { type: "Metaspace", replacement: "▁", prepend_scheme: step.prefixSpace, split: step.split };
    case "byte-level":
      return { type: "ByteLevel", add_prefix_space: step.prefixed, trim_offsets: true, use_regex: step.regex };
    default:
      return step satisfies never;
  }
}

/** The steps of one pre-tokenizer, or of a sequence of them. */
export function decodeCuts(value: unknown, refuse: Refuse): CutStep[] {
  if (value === null || value === undefined) return [];
  const json = isObject(value) ? value : {};
  const flag = (name: string, otherwise?: boolean): boolean => {
    const flagged = json[name] ?? otherwise;
    return typeof flagged === "boolean" ? flagged : refuse(`pre_tokenizer ${json.type} without ${name}`);
  };
  switch (json.type) {
    case "Sequence":
      if (!Array.isArray(json.pretokenizers)) return refuse("pre_tokenizer Sequence has no list of pretokenizers");
      return json.pretokenizers.flatMap(each => decodeCuts(each, refuse));
    case "Whitespace":
      return [{ step: "whitespace" }];
    case "WhitespaceSplit":
      return [{ step: "whitespace-split" }];
    case "BertPreTokenizer":
      return [{ step: "bert" }];
    case "Punctuation":
      return [{ step: "punctuation", behaviour: readBehaviour(json, "Isolated", refuse) }];
    case "Digits":
      return [{ step: "digits", apart: flag("individual_digits") }];
    case "CharDelimiterSplit":
      if (typeof json.delimiter !== "string" || [...json.delimiter].length !== 1) {
        return refuse(`pre_tokenizer CharDelimiterSplit with the delimiter ${quoteValue(json.delimiter)}`);
      }
      return [{ step: "delimiter", character: json.delimiter }];
    case "Split":
      return [decodeSplit(json, flag("invert", false), refuse)];
    case "Metaspace":
      return [{ step: "metaspace", prefixSpace: decodeScheme(json, refuse), split: flag("split", true) }];
    case "ByteLevel":
      return [{ step: "byte-level", prefixed: flag("add_prefix_space", true), regex: flag("use_regex", true) }];
    default:
      return refuse(
        `pre_tokenizer ${quoteValue(json.type)} is none of Whitespace, WhitespaceSplit, BertPreTokenizer, Punctuation, Digits, Split, CharDelimiterSplit, Metaspace, ByteLevel, Sequence`,
      );
  }
}

function decodeSplit(json: Json, invert: boolean, refuse: Refuse): CutStep {
  const { String: literal, Regex: regex } = isObject(json.pattern) ? json.pattern : {};
  const pattern = regex ?? literal;
  if (typeof pattern !== "string" || pattern === "") {
    return refuse(`pre_tokenizer Split with the pattern ${quoteValue(json.pattern)}`);
  }
  const unknown = regex === undefined ? undefined : findUnknown(pattern);
  if (unknown !== undefined) refuse(`pre_tokenizer Split with ${quoteValue(unknown)} in its pattern`);
  return {
    step: "split",
    pattern,
    regex: regex !== undefined,
    behaviour: readBehaviour(json, undefined, refuse),
    invert,
  };
}

function decodeScheme(json: Json, refuse: Refuse): "always" | "first" | "never" {
  if (json.replacement !== "▁") refuse(`pre_tokenizer Metaspace with the replacement ${quoteValue(json.replacement)}`);
  // Older files say it by a flag.
  const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? "never" : "always");
  if (scheme === "always" || scheme === "first" || scheme === "never") return scheme;
  return refuse(`pre_tokenizer Metaspace with prepend_scheme ${quoteValue(scheme)}`);
}

/** "merged_with_next" is "MergedWithNext" there. */
const writeBehaviour = (behaviour: Behaviour): string =>
  behaviour.replace(/(^|_)(.)/g, (_, _line, letter: string) => letter.toUpperCase());

function readBehaviour({ behavior, type }: Json, otherwise: string | undefined, refuse: Refuse): Behaviour {
  const named = behavior ?? otherwise;
  return (
    behaviours.find(each => writeBehaviour(each) === named) ??
    refuse(`pre_tokenizer ${quoteValue(type)} with the behavior ${quoteValue(named)}`)
  );
}
