// How a model's folder says that text is read: its tokenizer.json, or BERT's tokenizer around a bare vocab.txt. Ids are those of Python's
// transformers, or the folder is refused.

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { mostBytes, readJson } from "../base/files/files.ts";
import { encodeForModel, encodeText, type SpecialTokensInText } from "../tokenizer/encoding/encode.ts";
import { describeLoss, LossCounter } from "../tokenizer/normalising/lost-text.ts";
import { decodeTokenizerJson } from "../tokenizer/read-tokenizer.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../tokenizer/tokenizer-json.ts";
import { checkExport, isTokenizerFile } from "./export-checksums.ts";
import { isObject, type Json } from "./tokenizer-folder.ts";
import {
  checkSettings,
  readSettingsFile,
  readSpecialNames,
  readTokenizerSettings,
  type TokenizerSettings,
} from "./tokenizer-settings.ts";
import { readBertVocabulary } from "./vocabulary-file.ts";

export interface TextReader {
  /** The ids of a text, nothing around it: what a task's example is made of. */
  readonly encodeText: (text: string) => ArrayLike<number>;
  /** The ids of a text with what the tokenizer puts around one; special tokens in it are recognised when asked for. */
  readonly encodeForModel: (text: string, specialTokensInText?: SpecialTokensInText) => ArrayLike<number>;
  /**
   * What normalising loses of texts, a sentence each; E_TEXT_LOST where it is most of them. Absent where nobody counts it: a
   * byte-level tokenizer loses nothing.
   */
  readonly describeLoss?: ((texts: Iterable<string>, what: string) => string[]) | undefined;
  /** How `encodeText` reads special tokens that a text spells out. */
  readonly specialTokensInText: SpecialTokensInText;
  readonly specials: SpecialIds;
  /** Whether an id stands for no text: of a mask, padding, what frames a text. */
  readonly isSpecial: (id: number) => boolean;
  /** Undefined for an id that no token has. */
  readonly tokenOf: (id: number) => string | undefined;
  /** One more than the highest id. */
  readonly vocabulary: number;
  readonly hash: string;
  /** The tokenizer.json to which a tokenizer_config.json tells what special tokens are called: transformers warns of their roles in it. */
  readonly describeTokenizer: () => TokenizerJson;
}

export type TokenizerJson = Json;

/**
 * The tokenizer in a folder. Special tokens that a text spells out are recognised, unless tokenizer_config.json has
 * split_special_tokens; where it is silent, as `whenSilent` says. Errors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED,
 * E_EXPORT_CHANGED.
 */
export async function openTextReader(
  folder: string,
  whenSilent: SpecialTokensInText = "recognise",
): Promise<TextReader> {
  checkExport(folder, isTokenizerFile);
  const settings = readTokenizerSettings(folder);
  const split = settings.split_special_tokens;
  // A run's export says what the run does: its tasks are read as text, though other programs recognise the mask in one.
  const silent = settings.cram_tasks_split_special_tokens === true ? "as-text" : whenSilent;
  const inText = split === undefined ? silent : split ? "as-text" : "recognise";
  return readTextWith(readFolderTokenizer(folder, settings), inText, split === undefined ? whenSilent : inText);
}

/** The tokenizer of a folder's tokenizer.json, else of its vocab.txt, under the names of its settings. Errors: as above. */
export function readFolderTokenizer(folder: string, settings = readTokenizerSettings(folder)): Tokenizer {
  const path = join(folder, "tokenizer.json");
  const vocabulary = join(folder, "vocab.txt");
  if (!existsSync(path) && existsSync(vocabulary)) return readBertVocabulary(vocabulary, settings);
  return readWithSettings(path, settings, json => checkSettings(settings, json, path));
}

/**
 * The tokenizer of a file itself: of a vocab.txt, or of a tokenizer.json under the names that a tokenizer_config.json has, the one beside it
 * unless another is given. Errors: E_FILE_MISSING, E_JSON, E_TOKENIZER_UNSUPPORTED.
 */
export function readTokenizerFile(path: string, given?: string): Tokenizer {
  const isVocabulary = path.endsWith(".txt");
  const hasBeside = isVocabulary || basename(path) === "tokenizer.json";
  const beside = given ?? (hasBeside ? join(dirname(path), "tokenizer_config.json") : undefined);
  const settings = beside === undefined ? {} : readSettingsFile(beside);
  return isVocabulary ? readBertVocabulary(path, settings) : readWithSettings(path, settings);
}

function readWithSettings(path: string, settings: TokenizerSettings, check?: (json: Json) => void): Tokenizer {
  const json = readJson(path, "tokenizer.json", mostBytes.ofTokenizer);
  if (isObject(json)) check?.(json);
  // How a text is cut and filled up is decided when batches are made.
  const whole = isObject(json) ? { ...json, truncation: null, padding: null } : json;
  return decodeTokenizerJson(whole, path, readSpecialNames(settings));
}

/** A reader of one of our tokenizers. `framed` is how special tokens are read where the tokenizer's frame is put around a text. */
export function readTextWith(
  tokenizer: Tokenizer,
  specialTokensInText: SpecialTokensInText,
  framed = specialTokensInText,
): TextReader {
  const names = new Set(tokenizer.specialTokens);
  const special = new Set(tokenizer.vocabulary.flatMap((token, id) => (names.has(token) ? [id] : [])));
  return {
    encodeText: text => encodeText(tokenizer, text, specialTokensInText),
    encodeForModel: (text, special = framed) => encodeForModel(tokenizer, text, undefined, special).ids,
    describeLoss: (texts, what) => {
      const counter = new LossCounter(tokenizer.normaliser);
      for (const text of texts) counter.addText(text);
      return describeLoss(counter.loss, what, "the model's tokenizer", "Use a model of this language.");
    },
    specialTokensInText,
    specials: tokenizer.specials,
    isSpecial: id => special.has(id),
    tokenOf: id => tokenizer.vocabulary[id],
    vocabulary: tokenizer.vocabulary.length,
    hash: tokenizer.hash,
    describeTokenizer: () => JSON.parse(encodeTokenizerJson(tokenizer, "without roles")) as TokenizerJson,
  };
}
