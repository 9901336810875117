// What a tokenizer is: plain data that says how text becomes ids. Two tokenizers with equal data have equal hashes and
// give equal ids. How a word becomes tokens is its model's kind (kinds/); the special tokens of this project stand at fixed ids 0 to 6.

import type { DecodeStep } from "./decoding/decode-step.ts";
import type { PreTokenizer } from "./encoding/pre-tokenizer.ts";
import type { TokenizerModel } from "./kinds/models.ts";
import type { Normaliser } from "./normalising/normaliser.ts";

/** One place in what is put around a text: the first text, the second one, or a special token. */
export type TemplatePart = { readonly sequence: "A" | "B"; readonly typeId: 0 | 1 } | TemplateToken;
export interface TemplateToken {
  readonly token: string;
  readonly typeId: 0 | 1;
}

/** A token that is looked for in a text before the text is cut into words, as Hugging Face's `tokenizers` looks for it. */
export interface AddedToken {
  readonly content: string;
  /** Whether it stands for no text; a corpus may spell it out and mean its characters. */
  readonly special: boolean;
  /** Found only where no letter or digit stands beside it. */
  readonly singleWord: boolean;
  /** Takes the white space before it, or behind it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for, itself normalised, in the normalised text; else in the text as it came. */
  readonly normalized: boolean;
}

export interface SpecialIds {
  readonly pad: number;
  readonly unknown: number;
  readonly classify: number;
  readonly separator: number;
  readonly mask: number;
}

export interface TokenizerData {
  /** Every token at its id, as its kind writes it: WordPiece continues a word with "##", a space is "Ġ" of bytes and "▁" of metaspace. */
  readonly vocabulary: readonly string[];
  readonly model: TokenizerModel;
  readonly normaliser: Normaliser;
  readonly preTokenizer: PreTokenizer;
  /** Tokens recognised in raw text, before it is normalised. */
  readonly specialTokens: readonly string[];
  readonly specials: SpecialIds;
  /** Whether the mask, written out in a text, takes the white space before it: where a space is the beginning of the word that it stands for. */
  readonly maskTakesSpace: boolean;
  /** All added tokens, where some are more than special tokens of the vocabulary, and how many tokens the model itself has: the others follow. */
  readonly added?: { readonly tokens: readonly AddedToken[]; readonly ofModel: number };
  /** How tokens become a text, where that does not follow from the above. */
  readonly decoder?: readonly DecodeStep[];
  /** What `encodeForModel` puts around one text and around a pair; null puts nothing. */
  readonly template: { readonly single: readonly TemplatePart[]; readonly pair: readonly TemplatePart[] } | null;
}

export interface Tokenizer extends TokenizerData {
  readonly hash: string;
}

/** The special tokens of a learned tokenizer, in the order of their ids. */
export const specialTokens = ["<pad>", "<s>", "</s>", "<unk>", "<cls>", "<sep>", "<mask>"] as const;
