// What a kind of tokenizer is: a record of how it is learned, how it encodes a word, and how a tokenizer.json says it. A new one
// is one record, and a line in kinds.ts.

import type { IdList } from "../encoding/id-list.ts";
import type { PreTokenizerName } from "../encoding/pre-tokenizer.ts";
import type { WordCount } from "../learning/count-words.ts";
import type { Json, Refuse } from "../normalising/normaliser-json.ts";
import type { TokenizerData } from "../tokenizer.ts";
import type { TokenizerModel } from "./models.ts";

/** Puts the ids of one word, as the pre-tokenizer cuts it, behind others. */
export type EncodeWord = (word: string, ids: IdList) => void;

export interface LearnOptions {
  readonly vocabularySize: number;
  /** The first ids, in this order. */
  readonly specialTokens: readonly string[];
  readonly preTokenizer: PreTokenizerName;
  /** So many different characters at most, the commonest; default `limitAlphabet` of the vocabulary. */
  readonly alphabetLimit?: number | undefined;
  /** What is learned does not depend on it. Default 1. */
  readonly threads?: number | undefined;
  /** Called now and then with how many tokens there are. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
}

/** A vocabulary, a token at its id, and what its kind knows beside it. */
export interface Learned<Model extends TokenizerModel = TokenizerModel> {
  readonly vocabulary: readonly string[];
  readonly model: Model;
}

export interface TokenizerKind<Model extends TokenizerModel = TokenizerModel> {
  readonly name: Model["kind"];
  /** What it does, one line for lists. */
  readonly summary: string;
  readonly source: string;
  /** The type of the model in a tokenizer.json. */
  readonly type: string;
  /** The pre-tokenizers that it is learned behind; the first is the default. */
  readonly preTokenizers: readonly PreTokenizerName[];
  /** Whether it learns which characters it knows. */
  limitsAlphabet(preTokenizer: PreTokenizerName): boolean;
  /** What is an unknown token to it, for warnings; undefined where nothing is. */
  describeUnknown(preTokenizer: PreTokenizerName): string | undefined;
  /** Learns from words, the special tokens first; fewer tokens than asked for where the text has no more. UserError E_VOCABULARY_SIZE. */
  learn(wordCounts: readonly WordCount[], options: LearnOptions): Learned<Model>;
  compile(data: TokenizerData, model: Model): EncodeWord;
  /** The model of a tokenizer.json without its type. */
  encodeJson(data: TokenizerData, model: Model): object;
  decodeJson(json: Json, preTokenizer: PreTokenizerName, refuse: Refuse): Learned<Model>;
}
