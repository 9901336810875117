// How a model's folder says that text is read: its tokenizer.json, or BERT's tokenizer around a bare vocab.txt. Ids are those of Python's
// transformers, or the folder is refused.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { mostBytes, readJson } from "../base/files/files.ts";
import { encodeForModel, encodeText, type SpecialTokensInText } from "../tokenizer/encoding/encode.ts";
import { describeLoss, LossCounter } from "../tokenizer/normalising/lost-text.ts";
import { decodeTokenizerJson } from "../tokenizer/read-tokenizer.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../tokenizer/tokenizer-json.ts";
import { checkExport, isTokenizerFile } from "./export-checksums.ts";
import { isObject, type Json } from "./tokenizer-folder.ts";
import { checkSettings, readSpecialNames, readTokenizerSettings } from "./tokenizer-settings.ts";
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
  /** The tokenizer.json. */
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
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path) && existsSync(join(folder, "vocab.txt"))) {
    return readTextWith(readBertVocabulary(folder, settings), inText);
  }
  const json = readJson(path, "tokenizer.json", mostBytes.ofTokenizer);
  if (isObject(json)) checkSettings(settings, json, path);
  // How a text is cut and filled up is decided when batches are made.
  const whole = isObject(json) ? { ...json, truncation: null, padding: null } : json;
  const tokenizer = decodeTokenizerJson(whole, path, readSpecialNames(settings));
  return readTextWith(tokenizer, inText, split === undefined ? whenSilent : inText);
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
    describeTokenizer: () => JSON.parse(encodeTokenizerJson(tokenizer)) as TokenizerJson,
  };
}
