// Writes the tokenizer.json of Hugging Face `tokenizers`, the only file format of this room, so that a file made here
// gives the same ids there. The text of this file is also what a tokenizer's hash is taken of.

import { writeFileAtomically } from "../base/files/files.ts";
import { encodeAddedTokens } from "./added/added-tokens-json.ts";
import { encodeDecoder } from "./decoding/decoder-json.ts";
import { encodePreTokenizer } from "./encoding/pre-tokenizer-json.ts";
import { findTokenizerKind, ofModel } from "./kinds/kinds.ts";
import { encodeNormaliser } from "./normalising/normaliser-json.ts";
import { findRoles, namesUnknown } from "./special-names.ts";
import type { TemplatePart, Tokenizer, TokenizerData } from "./tokenizer.ts";

/** Writes a tokenizer as tokenizer.json, atomically. */
export function writeTokenizer(path: string, tokenizer: Tokenizer): void {
  writeFileAtomically(path, encodeTokenizerJson(tokenizer));
}

/** The text of a tokenizer.json; the same text for equal tokenizers. Without roles it needs their names beside it. */
export function encodeTokenizerJson(data: TokenizerData, roles: "with roles" | "without roles" = "with roles"): string {
  const kind = findTokenizerKind(data.model.kind);
  const idOf = (token: string) => data.vocabulary.indexOf(token);
  const encodePart = (part: TemplatePart) =>
    "token" in part
      ? { SpecialToken: { id: part.token, type_id: part.typeId } }
      : { Sequence: { id: part.sequence, type_id: part.typeId } };
  const templateTokens = data.template
    ? [...data.template.single, ...data.template.pair].flatMap(part => ("token" in part ? [part.token] : []))
    : [];
  const model = { type: kind.type, ...kind.encodeJson(ofModel(data), data.model) };
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: encodeAddedTokens(data, roles === "with roles" ? findRoles(data, namesUnknown(model)) : new Map()),
    normalizer: encodeNormaliser(data.normaliser),
    pre_tokenizer: encodePreTokenizer(data.preTokenizer),
    post_processor: data.template && {
      type: "TemplateProcessing",
      single: data.template.single.map(encodePart),
      pair: data.template.pair.map(encodePart),
      special_tokens: Object.fromEntries(
        [...new Set(templateTokens)].map(token => [token, { id: token, ids: [idOf(token)], tokens: [token] }]),
      ),
    },
    decoder: encodeDecoder(data),
    model,
  };
  return `${JSON.stringify(json, null, 1)}\n`;
}
