// Decoders in a tokenizer.json, there and back.

import { quoteValue } from "../../base/printable.ts";
import { encodePreTokenizer } from "../encoding/pre-tokenizer-json.ts";
import { isObject, type Json, type Refuse } from "../normalising/normaliser-json.ts";
import { findUnknownReplace } from "../patterns/compile-pattern.ts";
import type { TokenizerData } from "../tokenizer.ts";
import type { DecodeStep } from "./decode-step.ts";

type Decoded = Pick<TokenizerData, "model" | "preTokenizer" | "decoder">;

/** The `decoder` of a tokenizer.json, which follows from what it decodes unless it has one of its own. */
export function encodeDecoder({ decoder, ...data }: Decoded): object | null {
  if (decoder === undefined) return impliedDecoder(data);
  const steps = decoder.map(encodeStep);
  return steps.length === 1 ? steps[0]! : { type: "Sequence", decoders: steps };
}

function impliedDecoder({ model, preTokenizer: { name, prefixSpace } }: Decoded): object | null {
  if (name === "byte-level" || name === "metaspace") return encodePreTokenizer({ name, prefixSpace });
  return model.kind === "wordpiece" ? { type: "WordPiece", prefix: "##", cleanup: true } : null;
}

function encodeStep(step: DecodeStep): object {
  switch (step.step) {
    case "byte-level":
      return { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true };
    case "byte-fallback":
      return { type: "ByteFallback" };
    case "fuse":
      return { type: "Fuse" };
    case "wordpiece":
      return { type: "WordPiece", prefix: step.prefix, cleanup: step.cleanUp };
    case "metaspace":
      return { type: "Metaspace", replacement: "▁", prepend_scheme: step.prefixed ? "always" : "never", split: true };
    case "suffix":
      return { type: "BPEDecoder", suffix: step.suffix };
    case "replace":
      return { type: "Replace", pattern: { [step.regex ? "Regex" : "String"]: step.pattern }, content: step.by };
    case "strip":
      return { type: "Strip", content: step.character, start: step.start, stop: step.stop };
    default:
      return step satisfies never;
  }
}

/** The decoder of the `decoder` of a tokenizer.json where it is not the one that follows; of a file that has none, that one is taken. */
export function decodeDecoder(value: unknown, data: Decoded, refuse: Refuse): Pick<TokenizerData, "decoder"> {
  if (value === null || value === undefined) return {};
  const decoder = decodeSteps(value, refuse);
  const implied = impliedDecoder(data);
  const isImplied = implied !== null && JSON.stringify(decodeSteps(implied, refuse)) === JSON.stringify(decoder);
  return isImplied ? {} : { decoder };
}

function decodeSteps(value: unknown, refuse: Refuse): DecodeStep[] {
  const json: Json = isObject(value) ? value : {};
  const refuseAll = () => refuse(`decoder ${quoteValue(value)}`);
  const text = (name: string): string => (typeof json[name] === "string" ? json[name] : refuseAll());
  switch (json.type) {
    case "Sequence":
      return Array.isArray(json.decoders) ? json.decoders.flatMap(each => decodeSteps(each, refuse)) : refuseAll();
    case "ByteLevel":
      return [{ step: "byte-level" }];
    case "ByteFallback":
      return [{ step: "byte-fallback" }];
    case "Fuse":
      return [{ step: "fuse" }];
    case "WordPiece":
      return [{ step: "wordpiece", prefix: text("prefix"), cleanUp: json.cleanup === true }];
    case "Metaspace": {
      if (json.replacement !== "▁") refuseAll();
      const scheme = json.prepend_scheme ?? (json.add_prefix_space === false ? "never" : "always");
      return [{ step: "metaspace", prefixed: scheme !== "never" }];
    }
    case "BPEDecoder":
      return [{ step: "suffix", suffix: text("suffix") }];
    case "Replace": {
      const { String: literal, Regex: regex } = isObject(json.pattern) ? json.pattern : {};
      const pattern = regex ?? literal;
      if (typeof pattern !== "string" || pattern === "") return refuseAll();
      if (regex !== undefined && findUnknownReplace(pattern) !== undefined) refuseAll();
      return [{ step: "replace", pattern, regex: regex !== undefined, by: text("content") }];
    }
    case "Strip":
      if (typeof json.start !== "number" || typeof json.stop !== "number") return refuseAll();
      return [{ step: "strip", character: text("content"), start: json.start, stop: json.stop }];
    default:
      return refuseAll();
  }
}
