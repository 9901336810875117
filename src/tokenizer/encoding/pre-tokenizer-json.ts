// Pre-tokenizers and the decoders that belong to them in a tokenizer.json, there and back.

import { quoteValue } from "../../base/printable.ts";
import { isObject, type Refuse } from "../normalising/normaliser-json.ts";
import type { TokenizerData } from "../tokenizer.ts";
import type { PreTokenizer } from "./pre-tokenizer.ts";

/** The `pre_tokenizer` of a tokenizer.json. */
export function encodePreTokenizer({ name, prefixSpace }: PreTokenizer): object {
  switch (name) {
    case "whitespace":
      return { type: "Whitespace" };
    case "bert":
      return { type: "BertPreTokenizer" };
    case "byte-level":
      return { type: "ByteLevel", add_prefix_space: prefixSpace === "always", trim_offsets: true, use_regex: true };
    case "metaspace":
      return { type: "Metaspace", replacement: "▁", prepend_scheme: prefixSpace, split: true };
    default:
      return name satisfies never;
  }
}

/** The pre-tokenizer of the `pre_tokenizer` of a tokenizer.json. */
export function decodePreTokenizer(value: unknown, refuse: Refuse): PreTokenizer {
  const json = isObject(value) ? value : {};
  switch (json.type) {
    case "Whitespace":
      return { name: "whitespace", prefixSpace: "never" };
    case "BertPreTokenizer":
      return { name: "bert", prefixSpace: "never" };
    case "ByteLevel":
      if (json.use_regex === false) refuse("pre_tokenizer ByteLevel without its regular expression");
      return { name: "byte-level", prefixSpace: json.add_prefix_space === false ? "never" : "always" };
    case "Metaspace": {
      if (json.replacement !== "▁")
        refuse(`pre_tokenizer Metaspace with the replacement ${quoteValue(json.replacement)}`);
      if (json.split === false) refuse("pre_tokenizer Metaspace without splitting");
      // Older files say it by a flag.
      const prefixSpace = json.prepend_scheme ?? (json.add_prefix_space === false ? "never" : "always");
      if (prefixSpace === "always" || prefixSpace === "first" || prefixSpace === "never") {
        return { name: "metaspace", prefixSpace };
      }
      return refuse(`pre_tokenizer Metaspace with prepend_scheme ${quoteValue(prefixSpace)}`);
    }
    default:
      return refuse(
        `pre_tokenizer ${quoteValue(isObject(value) ? value.type : null)} is none of Whitespace, BertPreTokenizer, ByteLevel, Metaspace`,
      );
  }
}

/** The `decoder` of a tokenizer.json, which follows from what it decodes. */
export function encodeDecoder({ model, preTokenizer }: Pick<TokenizerData, "model" | "preTokenizer">): object | null {
  if (preTokenizer.name === "byte-level" || preTokenizer.name === "metaspace") return encodePreTokenizer(preTokenizer);
  return model.kind === "wordpiece" ? { type: "WordPiece", prefix: "##", cleanup: true } : null;
}

/** Refuses a decoder that gives another text than ours. */
export function checkDecoder(
  value: unknown,
  data: Pick<TokenizerData, "model" | "preTokenizer">,
  refuse: Refuse,
): void {
  if (value === null || value === undefined) return;
  const expected = encodeDecoder(data) as Record<string, unknown> | null;
  if (!isObject(value) || expected === null || value.type !== expected.type) refuse(`decoder ${quoteValue(value)}`);
  // What bytes stand for is the same whatever their decoder says beside.
  if (expected.type === "ByteLevel") return;
  const said = expected.type === "Metaspace" ? encodePreTokenizer(decodePreTokenizer(value, refuse)) : value;
  for (const [key, meant] of Object.entries(expected)) {
    if ((said as Record<string, unknown>)[key] !== meant) refuse(`decoder ${quoteValue(value)}`);
  }
}
