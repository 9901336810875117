// Reads the tokenizer.json of Hugging Face `tokenizers` as far as this room can honour it: a file either gives the ids it
// gives there or is refused, with the name of what cannot be expressed.

import { UserError } from "../base/errors.ts";
import { mostBytes, readJson } from "../base/files/files.ts";
import { quoteValue } from "../base/printable.ts";
import { addSpecials, decodeAddedTokens, describeAdded } from "./added/added-tokens-json.ts";
import { decodeDecoder } from "./decoding/decoder-json.ts";
import { defineTokenizer } from "./define.ts";
import type { PreTokenizerName } from "./encoding/pre-tokenizer.ts";
import { decodePreTokenizer } from "./encoding/pre-tokenizer-json.ts";
import type { TokenizerKind } from "./kinds/kind.ts";
import { tokenizerKinds } from "./kinds/kinds.ts";
import { decodeNormaliser, isObject, type Json, type Refuse } from "./normalising/normaliser-json.ts";
import { findRoles, namesUnknown, readNames, type SpecialNames, usualNames } from "./special-names.ts";
import type { SpecialIds, TemplatePart, Tokenizer, TokenizerData } from "./tokenizer.ts";

/** Reads a tokenizer.json (ours, or another of these kinds). UserErrors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED. */
export function readTokenizer(path: string): Tokenizer {
  return decodeTokenizerJson(readJson(path, "tokenizer.json", mostBytes.ofTokenizer), path);
}

/**
 * A tokenizer of a parsed tokenizer.json; `path` names it in errors. Tokens of `given` names, which tokenizer_config.json has, are special
 * wherever they stand in a text, as transformers adds them.
 */
export function decodeTokenizerJson(json: unknown, path: string, given: SpecialNames = {}): Tokenizer {
  const refuse = (what: string): never => {
    throw new UserError(
      "E_TOKENIZER_UNSUPPORTED",
      `${path}: ${what}`,
      "Use another tokenizer, or let `cram prepare` learn one.",
    );
  };
  const object = (value: unknown, what: string): Json => (isObject(value) ? value : refuse(`${what} is missing`));
  const root = object(json, "the JSON object");
  const model = object(root.model, "model");
  const kind = findKind(model) ?? refuse(`model ${quoteValue(model.type)} is none of ${kindTypes.join(", ")}`);
  for (const key of ["truncation", "padding"]) if (root[key] != null) refuse(`${key} is set; remove it from the file`);
  const preTokenizer = decodePreTokenizer(root.pre_tokenizer, refuse);
  const learned = kind.decodeJson(model, preTokenizer.name, refuse);
  checkPreTokenizer(kind, preTokenizer.name, refuse);
  const normaliser = decodeNormaliser(root.normalizer, refuse);
  const ofModel = learned.vocabulary.length;
  const listed = decodeAddedTokens(root.added_tokens, learned.vocabulary, normaliser, refuse);
  const { vocabulary } = listed;
  const names = readNames(given, root.added_tokens);
  const specials = findSpecials(vocabulary, readUnknown(model, vocabulary, names, refuse), names, refuse);
  const added = addSpecials(listed, [
    ...Object.values(given),
    ...findRoles({ vocabulary, specials }, namesUnknown(model)).keys(),
  ]);
  if (preTokenizer.name !== "byte-level" && specials.unknown >= ofModel) {
    refuse(`${quoteValue(vocabulary[specials.unknown])}, which the model needs, is not in model.vocab`);
  }
  return defineTokenizer({
    ...learned,
    vocabulary,
    normaliser,
    preTokenizer,
    ...describeAdded(added, ofModel, specials.mask),
    specials,
    ...decodeDecoder(root.decoder, { model: learned.model, preTokenizer }, refuse),
    template: decodeTemplate(root.post_processor, vocabulary, refuse),
  });
}

const kindTypes = tokenizerKinds.map(({ type }) => type);

/** The kind of a model of a tokenizer.json. */
function findKind(model: Json): TokenizerKind | undefined {
  // Files of older versions name no type: WordPiece models are told there by what only they have.
  const type = model.type ?? (Object.hasOwn(model, "max_input_chars_per_word") ? "WordPiece" : undefined);
  return tokenizerKinds.find(kind => kind.type === type) as unknown as TokenizerKind | undefined;
}

function findSpecials(
  vocabulary: readonly string[],
  unknownTokens: readonly unknown[],
  named: SpecialNames,
  refuse: Refuse,
): SpecialIds {
  const find = (name: string | undefined, ...usual: unknown[]): number => {
    const names = name === undefined ? usual : [name];
    const id = names.map(each => vocabulary.indexOf(each as string)).find(found => found >= 0);
    return id ?? refuse(`the vocabulary has no ${names.join(" or ")}`);
  };
  return {
    pad: find(named.pad, ...usualNames.pad),
    unknown: find(undefined, ...unknownTokens),
    classify: find(named.classify, ...usualNames.classify),
    separator: find(named.separator, ...usualNames.separator),
    mask: find(named.mask, ...usualNames.mask),
  };
}

function decodeTemplate(value: unknown, vocabulary: readonly string[], refuse: Refuse): TokenizerData["template"] {
  if (value === null || value === undefined) return null;
  const { type, processors }: Json = isObject(value) ? value : {};
  switch (type) {
    case "TemplateProcessing":
      return decodeParts(value as Json, vocabulary, refuse);
    case "BertProcessing":
    case "RobertaProcessing":
      return decodeFrame(value as Json, vocabulary, refuse);
    // Decides where in the text a token is said to stand, and no ids.
    case "ByteLevel":
      return null;
    case "Sequence": {
      if (!Array.isArray(processors)) return refuse("post_processor Sequence has no list of processors");
      const [template = null, ...more] = processors
        .map(each => decodeTemplate(each, vocabulary, refuse))
        .filter(each => each !== null);
      return more.length === 0 ? template : refuse("post_processor Sequence with more than one template");
    }
    default:
      return refuse(
        `post_processor ${quoteValue(isObject(value) ? type : value)} is none of TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel`,
      );
  }
}

/** The templates that have names of their own: BERT's, and RoBERTa's, which parts two texts by two separators in one segment. */
function decodeFrame(value: Json, vocabulary: readonly string[], refuse: Refuse): TokenizerData["template"] {
  const find = (name: "cls" | "sep"): string => {
    const [token, id]: unknown[] = Array.isArray(value[name]) ? value[name] : [];
    return typeof token === "string" && vocabulary[id as number] === token
      ? token
      : refuse(`post_processor: ${quoteValue(token)} does not stand for its own id`);
  };
  const isRoberta = value.type === "RobertaProcessing";
  const separator: TemplatePart = { token: find("sep"), typeId: 0 };
  const single: TemplatePart[] = [{ token: find("cls"), typeId: 0 }, { sequence: "A", typeId: 0 }, separator];
  const typeId = isRoberta ? 0 : 1;
  const second: TemplatePart[] = [
    { sequence: "B", typeId },
    { ...separator, typeId },
  ];
  return { single, pair: [...single, ...(isRoberta ? [separator] : []), ...second] };
}

function decodeParts(value: Json, vocabulary: readonly string[], refuse: Refuse): TokenizerData["template"] {
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
  const decodeList = (parts: unknown, name: string): TemplatePart[] =>
    Array.isArray(parts) ? parts.map(decodePart) : refuse(`post_processor: ${name} is not a list`);
  return { single: decodeList(value.single, "single"), pair: decodeList(value.pair, "pair") };
}

/** Which token stands for what is unknown. A model of bytes may name none, and needs none. */
function readUnknown(
  model: Json,
  vocabulary: readonly string[],
  names: SpecialNames,
  refuse: Refuse,
): readonly unknown[] {
  if (model.type === "Unigram") {
    const { unk_id: id } = model;
    return typeof id === "number" && vocabulary[id] !== undefined
      ? [vocabulary[id]]
      : refuse("model.unk_id is no token");
  }
  const { unk_token: named } = model;
  const usual = names.unknown === undefined ? usualNames.unknown : [names.unknown];
  return named === null || named === undefined || named === "" ? usual : [named];
}

/** Bytes are joined to tokens by BPE alone. */
function checkPreTokenizer(kind: TokenizerKind, preTokenizer: PreTokenizerName, refuse: Refuse): void {
  if (preTokenizer === "byte-level" && kind.name !== "bpe") refuse(`${kind.type} behind the pre_tokenizer ByteLevel`);
}
