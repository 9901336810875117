// The kinds of tokenizers.

import { UserError } from "../../base/errors.ts";
import { quoteValue } from "../../base/printable.ts";
import type { TokenizerData } from "../tokenizer.ts";
import { bpe } from "./bpe.ts";
import type { EncodeWord, TokenizerKind } from "./kind.ts";
import type { TokenizerModel } from "./models.ts";
import { unigram } from "./unigram.ts";
import { wordlevel } from "./wordlevel.ts";
import { wordpiece } from "./wordpiece.ts";

export const tokenizerKinds = [wordpiece, bpe, unigram, wordlevel] as const;

export type TokenizerKindName = TokenizerModel["kind"];

/** UserError E_OPTION for a name of none. */
export function findTokenizerKind(name: TokenizerKindName): TokenizerKind {
  const found = tokenizerKinds.find(kind => kind.name === name);
  if (found !== undefined) return found as unknown as TokenizerKind;
  const names = tokenizerKinds.map(kind => kind.name).join(", ");
  throw new UserError("E_OPTION", `tokenizerKind is ${quoteValue(name)}`, `Choose one of ${names}.`);
}

/** What encodes a word of a tokenizer's. */
export function compileWords(data: TokenizerData): EncodeWord {
  return findTokenizerKind(data.model.kind).compile(ofModel(data), data.model);
}

/** A tokenizer without the tokens that its model does not have. */
export function ofModel(data: TokenizerData): TokenizerData {
  return data.added === undefined ? data : { ...data, vocabulary: data.vocabulary.slice(0, data.added.ofModel) };
}
