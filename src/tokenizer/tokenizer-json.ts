// Writes the tokenizer.json of Hugging Face `tokenizers`, the only file format of this room, so that a file made here
// gives the same ids there. The text of this file is also what a tokenizer's hash is taken of.

import { writeFileAtomically } from "../base/files/files.ts";
import { encodeNormaliser } from "./normalising/normaliser-json.ts";
import type { TemplatePart, Tokenizer, TokenizerData } from "./tokenizer.ts";

/** Writes a tokenizer as tokenizer.json, atomically. */
export function writeTokenizer(path: string, tokenizer: Tokenizer): void {
  writeFileAtomically(path, encodeTokenizerJson(tokenizer));
}

/** The text of a tokenizer.json; the same text for equal tokenizers. */
export function encodeTokenizerJson(data: TokenizerData): string {
  const idOf = (token: string) => data.vocabulary.indexOf(token);
  const encodePart = (part: TemplatePart) =>
    "token" in part
      ? { SpecialToken: { id: part.token, type_id: part.typeId } }
      : { Sequence: { id: part.sequence, type_id: part.typeId } };
  const templateTokens = data.template
    ? [...data.template.single, ...data.template.pair].flatMap(part => ("token" in part ? [part.token] : []))
    : [];
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: data.specialTokens.map(content => ({
      id: idOf(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: encodeNormaliser(data.normaliser),
    pre_tokenizer: { type: data.preTokenizer === "bert" ? "BertPreTokenizer" : "Whitespace" },
    post_processor: data.template && {
      type: "TemplateProcessing",
      single: data.template.single.map(encodePart),
      pair: data.template.pair.map(encodePart),
      special_tokens: Object.fromEntries(
        [...new Set(templateTokens)].map(token => [token, { id: token, ids: [idOf(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: data.vocabulary[data.specials.unknown],
      continuing_subword_prefix: "##",
      max_input_chars_per_word: data.longestWord,
      vocab: Object.fromEntries(data.vocabulary.map((token, id) => [token, id])),
    },
  };
  return `${JSON.stringify(json, null, 1)}\n`;
}
