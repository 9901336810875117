// How a model from elsewhere reads text: its tokenizer.json by our own encoder where it is a WordPiece one, by Hugging Face's
// otherwise (byte-level BPE and others); or BERT's tokenizer around a bare vocab.txt.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { contentHash, isPresent, mostBytes, readJson, readText } from "../base/files.ts";
import { quoteValue } from "../base/printable.ts";
import { largestSizes } from "../model/shape.ts";
import { defineTokenizer } from "../tokenizer/define.ts";
import { encodeText } from "../tokenizer/encode.ts";
import { decodeTokenizerJson } from "../tokenizer/read-tokenizer.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../tokenizer/tokenizer-json.ts";

export interface TextReader {
  /** The ids of a text, without special tokens around it. */
  readonly encodeText: (text: string) => ArrayLike<number>;
  readonly specials: SpecialIds;
  readonly tokenOf: (id: number) => string;
  /** One more than the highest id. */
  readonly vocabulary: number;
  readonly hash: string;
  /** The tokenizer.json. */
  readonly describeTokenizer: () => TokenizerJson;
}

export type TokenizerJson = Readonly<Record<string, unknown>>;
type Json = TokenizerJson;

/** The tokenizer in a folder. Errors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED. */
export async function openTextReader(folder: string): Promise<TextReader> {
  const path = join(folder, "tokenizer.json");
  const settingsPath = join(folder, "tokenizer_config.json");
  const given = isPresent(settingsPath, "tokenizer's config") ? readJson(settingsPath, "tokenizer's config") : {};
  const settings = isObject(given) ? given : {};
  if (!existsSync(path) && existsSync(join(folder, "vocab.txt"))) {
    return readTextWith(defineBertTokenizer(join(folder, "vocab.txt"), settings));
  }
  const { json, model } = checkTokenizer(readJson(path, "tokenizer.json", mostBytes.ofTokenizer), path);
  if (isWordPiece(model)) {
    // How a text is cut and filled up is decided when batches are made.
    return readTextWith(decodeTokenizerJson({ ...json, truncation: null, padding: null }, path));
  }
  return readTextElsewhere(json, settings, path);
}

/** A reader of one of our tokenizers; special tokens written out in a text are read as text. */
export function readTextWith(tokenizer: Tokenizer): TextReader {
  return {
    encodeText: text => encodeText(tokenizer, text, "as-text"),
    specials: tokenizer.specials,
    tokenOf: id => tokenizer.vocabulary[id] ?? `#${id}`,
    vocabulary: tokenizer.vocabulary.length,
    hash: tokenizer.hash,
    describeTokenizer: () => JSON.parse(encodeTokenizerJson(tokenizer)) as TokenizerJson,
  };
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function isWordPiece(model: Json): boolean {
  return model.type === "WordPiece" || (model.type === undefined && Object.hasOwn(model, "max_input_chars_per_word"));
}

/** Parts that another library reads without a check: what kind of values they are, and that ids are of a vocabulary. */
function checkTokenizer(json: unknown, path: string): { readonly json: Json; readonly model: Json } {
  const refuse = (seen: string): never => {
    const advice = "Save the model's fast tokenizer again with Hugging Face's save_pretrained.";
    throw new UserError("E_TOKENIZER_UNSUPPORTED", `${path}: ${seen}`, advice);
  };
  if (!isObject(json)) return refuse(`${quoteValue(json)} is no tokenizer`);
  const { model, added_tokens: added = [] } = json;
  if (!isObject(model)) return refuse(`its model is ${quoteValue(model)}`);
  if (added !== null && !Array.isArray(added)) return refuse(`its added_tokens are ${quoteValue(added)}`);
  const ids = [
    ...(isObject(model.vocab) ? Object.values(model.vocab) : []),
    ...(added ?? []).map((token: unknown) => (isObject(token) ? token.id : undefined)),
  ];
  const wrong = ids.find(id => !Number.isInteger(id) || (id as number) < 0 || (id as number) >= mostIds);
  if (wrong !== undefined || ids.includes(undefined)) {
    return refuse(`the id ${quoteValue(wrong)} of a token is not one of 0 to ${mostIds - 1}`);
  }
  return { json, model };
}

const mostIds = largestSizes.vocabulary;

const specialNames = {
  pad: ["pad_token", "<pad>", "[PAD]"],
  unknown: ["unk_token", "<unk>", "[UNK]"],
  classify: ["cls_token", "<s>", "[CLS]", "<cls>"],
  separator: ["sep_token", "</s>", "[SEP]", "<sep>"],
  mask: ["mask_token", "<mask>", "[MASK]"],
} as const;

/** Ids of the special tokens: as the settings name them, else as is usual. */
function findSpecials(settings: Json, idOf: (token: string) => number | undefined, path: string): SpecialIds {
  const find = ([setting, ...usual]: readonly string[]): number => {
    const named = settings[setting!];
    const token = typeof named === "object" ? (named as Json | null)?.content : named;
    const names = typeof token === "string" ? [token] : usual;
    const id = names.map(idOf).find(found => found !== undefined);
    if (id !== undefined) return id;
    throw new UserError(
      "E_TOKENIZER_UNSUPPORTED",
      `${path}: the vocabulary has no ${names.join(" or ")}`,
      `Name the ${setting} in tokenizer_config.json.`,
    );
  };
  return {
    pad: find(specialNames.pad),
    unknown: find(specialNames.unknown),
    classify: find(specialNames.classify),
    separator: find(specialNames.separator),
    mask: find(specialNames.mask),
  };
}

/** BERT's tokenizer of a vocabulary, one token a line; Hugging Face's settings, and its defaults where they are silent. */
function defineBertTokenizer(path: string, settings: Json): Tokenizer {
  const vocabulary = readText(path, "vocabulary", mostBytes.ofTokenizer)
    .replace(/\r?\n$/, "")
    .split(/\r?\n/);
  const specials = findSpecials(settings, token => findIndex(vocabulary, token), path);
  const lowercase = settings.do_lower_case !== false;
  const stripAccents = typeof settings.strip_accents === "boolean" ? settings.strip_accents : lowercase;
  const separateIdeographs = settings.tokenize_chinese_chars !== false;
  return defineTokenizer({
    vocabulary,
    normaliser: [{ step: "bert", cleanText: true, separateIdeographs, stripAccents, lowercase }],
    preTokenizer: "bert",
    specialTokens: Object.values(specials).map(id => vocabulary[id]!),
    specials,
    longestWord: 100,
    template: null,
  });
}

function findIndex(vocabulary: readonly string[], token: string): number | undefined {
  const id = vocabulary.indexOf(token);
  return id < 0 ? undefined : id;
}

async function readTextElsewhere(json: Json, settings: Json, path: string): Promise<TextReader> {
  // Loaded here alone: our own models do without it.
  const { Tokenizer: ScriptTokenizer } = await import("@huggingface/tokenizers");
  try {
    const tokenizer = new ScriptTokenizer(json, settings);
    const ids = [...tokenizer.get_vocab(true).values()];
    return {
      encodeText: text => tokenizer.encode(text, { add_special_tokens: false }).ids,
      specials: findSpecials(settings, token => tokenizer.token_to_id(token), path),
      tokenOf: id => tokenizer.id_to_token(id) ?? `#${id}`,
      vocabulary: 1 + ids.reduce((most, id) => Math.max(most, id), 0),
      hash: contentHash(JSON.stringify(json)),
      describeTokenizer: () => json,
    };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(
      "E_TOKENIZER_UNSUPPORTED",
      `${path}: ${(cause as Error).message}`,
      "Save the model's fast tokenizer again with Hugging Face's save_pretrained.",
      { cause },
    );
  }
}
