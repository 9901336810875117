// Reads the tokenizer.json of Hugging Face `tokenizers` as far as this room can honour it: a file either gives the ids it
// gives there or is refused, with the name of what cannot be expressed.

import { UserError } from "../base/errors.ts";
import { mostBytes, readJson } from "../base/files/files.ts";
import { quoteValue } from "../base/printable.ts";
import { defineTokenizer } from "./define.ts";
import type { PreTokenizer } from "./encoding/split.ts";
import { decodeNormaliser, isObject, type Json, type Refuse } from "./normalising/normaliser-json.ts";
import type { SpecialIds, TemplatePart, Tokenizer, TokenizerData } from "./tokenizer.ts";

/** Reads a tokenizer.json (ours, or another WordPiece one). UserErrors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED. */
export function readTokenizer(path: string): Tokenizer {
  return decodeTokenizerJson(readJson(path, "tokenizer.json", mostBytes.ofTokenizer), path);
}

/** A tokenizer of a parsed tokenizer.json; `path` names it in errors. */
export function decodeTokenizerJson(json: unknown, path: string): Tokenizer {
  const refuse = (what: string): never => {
    throw new UserError(
      "E_TOKENIZER_UNSUPPORTED",
      `${path}: ${what}`,
      "Use a WordPiece tokenizer with a BERT-like normalizer, or let `cram prepare` learn one.",
    );
  };
  const object = (value: unknown, what: string): Json => (isObject(value) ? value : refuse(`${what} is missing`));
  const root = object(json, "the JSON object");
  const model = object(root.model, "model");
  // Files of older versions name no type: WordPiece models are told there by what only they have.
  const type = model.type ?? (Object.hasOwn(model, "max_input_chars_per_word") ? "WordPiece" : undefined);
  if (type !== "WordPiece") refuse(`model ${quoteValue(type)} is not WordPiece`);
  if (model.continuing_subword_prefix !== "##") refuse('continuing_subword_prefix is not "##"');
  for (const key of ["truncation", "padding"]) if (root[key] != null) refuse(`${key} is set; remove it from the file`);
  checkDecoder(root.decoder, refuse);
  const vocabulary = decodeVocabulary(object(model.vocab, "model.vocab"), refuse);
  const longestWord = model.max_input_chars_per_word ?? 100;
  if (typeof longestWord !== "number") return refuse("model.max_input_chars_per_word is not a number");
  return defineTokenizer({
    vocabulary,
    normaliser: decodeNormaliser(root.normalizer, refuse),
    preTokenizer: decodePreTokenizer(root.pre_tokenizer, refuse),
    specialTokens: decodeAddedTokens(root.added_tokens, vocabulary, refuse),
    specials: findSpecials(vocabulary, model.unk_token, refuse),
    longestWord,
    template: decodeTemplate(root.post_processor, vocabulary, refuse),
  });
}

function checkDecoder(value: unknown, refuse: Refuse): void {
  if (value === null || value === undefined) return;
  const { type, prefix, cleanup } = isObject(value) ? value : {};
  if (type !== "WordPiece" || prefix !== "##" || cleanup !== true) refuse(`decoder ${quoteValue(value)}`);
}

function decodeVocabulary(vocab: Json, refuse: Refuse): string[] {
  const entries = Object.entries(vocab);
  const vocabulary = new Array<string>(entries.length);
  for (const [token, id] of entries) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= entries.length) {
      return refuse(`model.vocab: the id ${id} of ${quoteValue(token)} is not one of 0 to ${entries.length - 1}`);
    }
    if (vocabulary[id] !== undefined) {
      refuse(`model.vocab: ${quoteValue(vocabulary[id])} and ${quoteValue(token)} have the same id ${id}`);
    }
    vocabulary[id] = token;
  }
  return vocabulary;
}

function decodeAddedTokens(value: unknown, vocabulary: readonly string[], refuse: Refuse): string[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) return refuse("added_tokens is not a list");
  return value.map((token: unknown) => {
    const { id, content, special, ...flags } = isObject(token) ? token : {};
    const name = quoteValue(content);
    if (typeof content !== "string" || content === "") return refuse(`added token ${name} is not a text`);
    if (typeof id !== "number" || vocabulary[id] !== content)
      return refuse(`added token ${name} is not in model.vocab`);
    if (special !== true) return refuse(`added token ${name} is not special`);
    for (const flag of ["single_word", "lstrip", "rstrip", "normalized"]) {
      if (flags[flag] === true) refuse(`added token ${name} has ${flag}`);
    }
    return content;
  });
}

function findSpecials(vocabulary: readonly string[], unknownToken: unknown, refuse: Refuse): SpecialIds {
  const find = (...names: unknown[]): number => {
    const id = vocabulary.findIndex(token => names.includes(token));
    return id < 0 ? refuse(`the vocabulary has no ${names.join(" or ")}`) : id;
  };
  return {
    pad: find("<pad>", "[PAD]"),
    unknown: find(unknownToken),
    classify: find("<cls>", "[CLS]"),
    separator: find("<sep>", "[SEP]"),
    mask: find("<mask>", "[MASK]"),
  };
}

function decodePreTokenizer(value: unknown, refuse: Refuse): PreTokenizer {
  const type = isObject(value) ? value.type : null;
  if (type === "BertPreTokenizer") return "bert";
  if (type === "Whitespace") return "whitespace";
  return refuse(`pre_tokenizer ${quoteValue(type)} is neither Whitespace nor BertPreTokenizer`);
}

function decodeTemplate(value: unknown, vocabulary: readonly string[], refuse: Refuse): TokenizerData["template"] {
  if (value === null || value === undefined) return null;
  if (!isObject(value) || value.type !== "TemplateProcessing") {
    return refuse(`post_processor ${quoteValue(isObject(value) ? value.type : value)} is not TemplateProcessing`);
  }
  const known = isObject(value.special_tokens) ? value.special_tokens : {};
  const decodePart = (part: unknown): TemplatePart => {
    const { Sequence: sequence, SpecialToken: special } = isObject(part) ? part : {};
    const content = isObject(sequence) ? sequence : isObject(special) ? special : {};
    const { id, type_id: typeId } = content;
    if (typeId !== 0 && typeId !== 1) return refuse(`post_processor: type_id ${quoteValue(typeId)}`);
    if (content === sequence) {
      return id === "A" || id === "B" ? { sequence: id, typeId } : refuse(`post_processor: sequence ${id}`);
    }
    const token = String(id);
    const meant = isObject(known[token]) ? known[token].ids : undefined;
    if (!Array.isArray(meant) || meant.length !== 1 || vocabulary[Number(meant[0])] !== token) {
      return refuse(`post_processor: ${quoteValue(token)} does not stand for its own id`);
    }
    return { token, typeId };
  };
  const decodeParts = (parts: unknown, name: string): TemplatePart[] =>
    Array.isArray(parts) ? parts.map(decodePart) : refuse(`post_processor: ${name} is not a list`);
  return { single: decodeParts(value.single, "single"), pair: decodeParts(value.pair, "pair") };
}
