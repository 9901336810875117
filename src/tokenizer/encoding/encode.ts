// Text to token ids by WordPiece: the longest piece first, word by word. Words repeat, so each word's ids are kept in a
// table and most words cost one look-up; the table is emptied when full, which changes speed and nothing else.

import { compileNormaliser } from "../normalising/normalise.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { allocateSpans, splitWords } from "./split.ts";
import { WordTable } from "./word-table.ts";

/**
 * How special tokens written out in a text are read: as the token (what `tokenizers` does, and what filling a mask needs)
 * or as the characters they are made of (what a corpus needs: a README's `<s>` is not the start of a sequence).
 */
export type SpecialTokensInText = "recognise" | "as-text";

const cachedWords = 1 << 18;
const longestCachedWord = 48;

/** Encodes with one tokenizer; owns the table of words seen, a few tens of megabytes when full. */
export class Encoder {
  readonly tokenizer: Tokenizer;
  private readonly normalise: (text: string) => string;
  private readonly spans = allocateSpans();
  private readonly pieces = new Map<string, number>();
  private readonly innerPieces = new Map<string, number>();
  private readonly longestPiece: number;
  private readonly specialPattern: RegExp | undefined;
  private readonly table = new WordTable();
  private readonly idEnds = new Uint32Array(cachedWords);
  private cachedIds = new Uint32Array(1 << 16);
  private ids = new Uint32Array(1 << 12);
  private count = 0;

  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
    this.normalise = compileNormaliser(tokenizer.normaliser);
    let longest = 1;
    tokenizer.vocabulary.forEach((token, id) => {
      this.pieces.set(token, id);
      if (token.startsWith("##")) this.innerPieces.set(token.slice(2), id);
      longest = Math.max(longest, token.length);
    });
    this.longestPiece = longest;
    const specials = [...tokenizer.specialTokens].sort((a, b) => b.length - a.length);
    if (specials.length > 0) this.specialPattern = new RegExp(specials.map(escapeRegex).join("|"), "g");
  }

  /** The ids of a text, without template. The array is this encoder's own and holds until the next call. */
  encode(text: string, specialTokensInText: SpecialTokensInText): Uint32Array {
    this.count = 0;
    if (specialTokensInText === "as-text" || this.specialPattern === undefined) {
      this.encodePlain(text);
    } else {
      let done = 0;
      for (const match of text.matchAll(this.specialPattern)) {
        this.encodePlain(text.slice(done, match.index));
        this.push(this.pieces.get(match[0])!);
        done = match.index + match[0].length;
      }
      this.encodePlain(done === 0 ? text : text.slice(done));
    }
    return this.ids.subarray(0, this.count);
  }

  private encodePlain(text: string): void {
    const normalised = this.normalise(text);
    splitWords(this.tokenizer.preTokenizer, normalised, this.spans);
    const { bounds, count } = this.spans;
    for (let word = 0; word < count; word++) {
      const begin = bounds[2 * word]!;
      const end = bounds[2 * word + 1]!;
      if (end - begin > longestCachedWord) {
        this.encodeWord(normalised.slice(begin, end));
        continue;
      }
      const index = this.table.find(normalised, begin, end);
      if (index < 0) this.encodeNewWord(normalised, begin, end);
      else {
        const idsEnd = this.idEnds[index]!;
        for (let at = index === 0 ? 0 : this.idEnds[index - 1]!; at < idsEnd; at++) this.push(this.cachedIds[at]!);
      }
    }
  }

  private encodeNewWord(text: string, begin: number, end: number): void {
    const first = this.count;
    this.encodeWord(text.slice(begin, end));
    if (this.table.count === cachedWords) this.table.clear();
    const index = this.table.add(text, begin, end);
    const start = index === 0 ? 0 : this.idEnds[index - 1]!;
    const idsEnd = start + this.count - first;
    if (idsEnd > this.cachedIds.length) {
      const grown = new Uint32Array(2 * this.cachedIds.length);
      grown.set(this.cachedIds);
      this.cachedIds = grown;
    }
    this.cachedIds.set(this.ids.subarray(first, this.count), start);
    this.idEnds[index] = idsEnd;
  }

  private encodeWord(word: string): void {
    const { longestWord, specials } = this.tokenizer;
    const first = this.count;
    let known = word.length <= longestWord || (word.length <= 2 * longestWord && [...word].length <= longestWord);
    for (let begin = 0; known && begin < word.length; ) {
      const pieces = begin === 0 ? this.pieces : this.innerPieces;
      let id: number | undefined;
      let end = Math.min(word.length, begin + this.longestPiece);
      for (; end > begin; end--) {
        id = pieces.get(word.slice(begin, end));
        if (id !== undefined) break;
      }
      if (id === undefined) known = false;
      else this.push(id);
      begin = end;
    }
    if (!known) {
      this.count = first;
      this.push(specials.unknown);
    }
  }

  private push(id: number): void {
    if (this.count === this.ids.length) {
      const grown = new Uint32Array(2 * this.ids.length);
      grown.set(this.ids);
      this.ids = grown;
    }
    this.ids[this.count++] = id;
  }
}

const encoders = new WeakMap<Tokenizer, Encoder>();

function encoderOf(tokenizer: Tokenizer): Encoder {
  let encoder = encoders.get(tokenizer);
  if (encoder === undefined) encoders.set(tokenizer, (encoder = new Encoder(tokenizer)));
  return encoder;
}

/** The ids of a text without template: the same as Hugging Face's `encode` with `add_special_tokens=False`. */
export function encodeText(
  tokenizer: Tokenizer,
  text: string,
  specialTokensInText: SpecialTokensInText = "recognise",
): Uint32Array {
  return encoderOf(tokenizer).encode(text, specialTokensInText).slice();
}

/** The ids of a text or a pair with the tokenizer's template around them, and the segment (0 or 1) of each id. */
export function encodeForModel(
  tokenizer: Tokenizer,
  first: string,
  second?: string,
  specialTokensInText: SpecialTokensInText = "recognise",
): { ids: Uint32Array; typeIds: Uint8Array } {
  const template =
    second === undefined
      ? (tokenizer.template?.single ?? [{ sequence: "A", typeId: 0 }])
      : (tokenizer.template?.pair ?? [
          { sequence: "A", typeId: 0 },
          { sequence: "B", typeId: 1 },
        ]);
  const ids: number[] = [];
  const typeIds: number[] = [];
  for (const part of template) {
    const more =
      "token" in part
        ? [tokenizer.vocabulary.indexOf(part.token)]
        : encodeText(tokenizer, part.sequence === "A" ? first : (second ?? ""), specialTokensInText);
    for (const id of more) {
      ids.push(id);
      typeIds.push(part.typeId);
    }
  }
  return { ids: Uint32Array.from(ids), typeIds: Uint8Array.from(typeIds) };
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
