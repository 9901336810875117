// What each kind of tokenizer knows beside its vocabulary: plain data, so that a tokenizer can be hashed and sent to a thread.

export interface WordPieceModel {
  readonly kind: "wordpiece";
  /** A word with more characters than this becomes the unknown token. */
  readonly longestWord: number;
}

export interface BpeModel {
  readonly kind: "bpe";
  /** Which two tokens are joined, the first one first; the joined token is their text together. */
  readonly merges: readonly (readonly [left: number, right: number])[];
  /** Whether unknown characters in a row are one unknown token. */
  readonly fuseUnknown: boolean;
  /** Characters that it does not know are no tokens at all. */
  readonly dropsUnknown?: true;
  /** A character that it does not know is its bytes, each a token as <0x41>. */
  readonly spellsUnknown?: true;
  /** Written behind the last character of a word. */
  readonly wordEnd?: string;
  /** A word that is a token is that one, however its pairs are joined. */
  readonly knowsWords?: true;
}

export interface UnigramModel {
  readonly kind: "unigram";
  /** Natural logarithm of each token's probability; 0 for special tokens. */
  readonly scores: readonly number[];
  /** As of BPE. */
  readonly spellsUnknown?: true;
}

export interface WordLevelModel {
  readonly kind: "wordlevel";
}

export type TokenizerModel = WordPieceModel | BpeModel | UnigramModel | WordLevelModel;
