// How a model's folder says that text is read: its tokenizer.json by our own encoder where that expresses it, by Hugging Face's
// otherwise (as normalizers of SentencePiece's); or BERT's tokenizer around a bare vocab.txt. Ids are those
// of Python's transformers, or the folder is refused.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { contentHash, mostBytes, readJson } from "../base/files/files.ts";
import { makePrintable, quoteValue } from "../base/printable.ts";
import { largestSizes } from "../model/shape.ts";
import { encodeForModel, encodeText, type SpecialTokensInText } from "../tokenizer/encoding/encode.ts";
import { describeLoss, LossCounter } from "../tokenizer/normalising/lost-text.ts";
import { decodeTokenizerJson, findKind } from "../tokenizer/read-tokenizer.ts";
import type { SpecialIds, Tokenizer } from "../tokenizer/tokenizer.ts";
import { encodeTokenizerJson } from "../tokenizer/tokenizer-json.ts";
import { checkExport, isTokenizerFile } from "./export-checksums.ts";
import { isObject, type Json, refuseTokenizer } from "./tokenizer-folder.ts";
import { checkSettings, findSpecials, readTokenizerSettings, type TokenizerSettings } from "./tokenizer-settings.ts";
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
  const tokenizer = readOurs(json, path);
  if (tokenizer === undefined) return readTextElsewhere(json, settings, inText, path);
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

/** The tokenizer where our encoder expresses it. A WordPiece is read by it or by nobody. */
function readOurs(json: unknown, path: string): Tokenizer | undefined {
  if (!isObject(json) || !isObject(json.model)) return undefined;
  const kind = findKind(json.model);
  if (kind === undefined) return undefined;
  try {
    // How a text is cut and filled up is decided when batches are made.
    return decodeTokenizerJson({ ...json, truncation: null, padding: null }, path);
  } catch (error) {
    if (kind.name === "wordpiece" || !(error instanceof UserError)) throw error;
    return undefined;
  }
}

function checkTokens(json: unknown, path: string): asserts json is Json {
  if (!isObject(json)) throw refuseTokenizer(path, "it is no JSON object");
  if (!isObject(json.model)) throw refuseTokenizer(path, "its model is no JSON object");
  const { model } = json;
  const added = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  // Hugging Face's script would find it inside of words too.
  const wordAlone = added.find(token => isObject(token) && token.single_word === true);
  if (wordAlone) throw refuseTokenizer(path, `the added token ${quoteValue(wordAlone.content, 60)} has single_word`);
  const known = isObject(model.vocab) ? Object.values(model.vocab) : [];
  const ids = [...known, ...added.map(token => (isObject(token) ? token.id : undefined))];
  const wrong = ids.findIndex(
    id => !(Number.isInteger(id) && (id as number) >= 0 && (id as number) < largestSizes.vocabulary),
  );
  if (wrong >= 0) throw refuseTokenizer(path, `a token has the id ${quoteValue(ids[wrong])}`);
}

async function readTextElsewhere(
  json: unknown,
  settings: TokenizerSettings,
  inText: SpecialTokensInText,
  path: string,
): Promise<TextReader> {
  checkTokens(json, path);
  // Loaded here alone: our own models do without it.
  const { Tokenizer: ScriptTokenizer } = await import("@huggingface/tokenizers");
  try {
    const tokenizer = new ScriptTokenizer(json, settings);
    // Without its special tokens it finds none in a text.
    const added = Array.isArray(json.added_tokens) ? (json.added_tokens as Json[]) : [];
    const words = { ...json, added_tokens: added.filter(({ special }) => special !== true) };
    let plain: typeof tokenizer | undefined;
    const ids = [...tokenizer.get_vocab(true).values()];
    const special = new Set(added.flatMap(({ special, id }) => (special === true ? [id] : [])));
    const specials = findSpecials(settings, token => tokenizer.token_to_id(token), path);
    const encode = (text: string, special: SpecialTokensInText): number[] =>
      (special === "recognise" ? tokenizer : (plain ??= new ScriptTokenizer(words, settings))).encode(text, {
        add_special_tokens: false,
      }).ids;
    const [before, after] = splitFrame(tokenizer.encode("").ids);
    return {
      encodeText: text => encode(text, inText),
      encodeForModel: (text, special = inText) => [...before, ...encode(text, special), ...after],
      specialTokensInText: inText,
      specials,
      isSpecial: id => special.has(id),
      tokenOf: id => tokenizer.id_to_token(id),
      vocabulary: 1 + ids.reduce((most, id) => Math.max(most, id), 0),
      hash: contentHash(JSON.stringify(json)),
      describeTokenizer: () => json,
    };
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw refuseTokenizer(path, makePrintable((cause as Error).message, 200), { cause });
  }
}

/** What stands around a text, of what stands around an empty one: the first token before it, the others after it. */
const splitFrame = (frame: readonly number[]) => (frame.length < 2 ? [[], frame] : [frame.slice(0, 1), frame.slice(1)]);
