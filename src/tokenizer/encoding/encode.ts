// Text to token ids: normalised, cut into words, each word by its tokenizer's kind. Text repeats, so the ids of raw words and of words
// are kept, and most of a text costs one look-up a word.

import { AddedTokens, listAddedTokens } from "../added/added-tokens.ts";
import type { EncodeWord } from "../kinds/kind.ts";
import { compileWords } from "../kinds/kinds.ts";
import { compileFirstKept } from "../normalising/first-character.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { IdList } from "./id-list.ts";
import { cutsAtSpaces, RawWords } from "./raw-words.ts";
import { hashBytes, TextBytes } from "./text-bytes.ts";
import { mostIds, WordCache } from "./word-cache.ts";
import { WordCutter } from "./word-cutter.ts";

/**
 * How special tokens written out in a text are read: as the token (what `tokenizers` does, and what filling a mask needs)
 * or as the characters they are made of (what a corpus needs: a README's `<s>` is not the start of a sequence).
 */
export type SpecialTokensInText = "recognise" | "as-text";

/** What a text is made of: how many characters are ASCII that can be seen, and where all others stand but white space, among some of these. */
export interface MetCharacters {
  visible: number;
  /** Begin and end of each part; no character of one joins another's. */
  readonly others: number[];
}

/** Of the tables of raw words and of words, by measurement: a word that is not found costs ten that are. */
const rawSlots = 1 << 20;
const wordSlots = 1 << 19;

/** Encodes with one tokenizer; owns the tables of words seen. */
export class Encoder {
  readonly tokenizer: Tokenizer;
  private readonly keepsFirst: (text: string) => boolean;
  private readonly encodeWord: EncodeWord;
  /** Looked for in a text, and in what it becomes; the latter where all of it is normalised before it is cut. */
  private readonly added: AddedTokens;
  private readonly normalised: AddedTokens | undefined;
  private readonly normalise: (text: string) => string;
  private readonly rawWords: RawWords | undefined;
  private readonly cutter: WordCutter;
  private readonly rawCache = new WordCache(rawSlots);
  private readonly wordCache = new WordCache(wordSlots);
  private readonly list = new IdList();
  private readonly text = new TextBytes();
  readonly met: MetCharacters = { visible: 0, others: [] };

  constructor(tokenizer: Tokenizer) {
    const { normaliser, preTokenizer, vocabulary } = tokenizer;
    this.tokenizer = tokenizer;
    this.keepsFirst = compileFirstKept(normaliser);
    this.encodeWord = compileWords(tokenizer);
    this.normalise = compileNormaliser(normaliser);
    const tokens = listAddedTokens(tokenizer);
    const [raw, normalised] = [tokens.filter(each => !each.normalized), tokens.filter(each => each.normalized)];
    this.added = new AddedTokens(raw, vocabulary);
    if (normalised.length > 0 || !cutsAtSpaces(normaliser, preTokenizer)) {
      this.normalised = new AddedTokens(normalised, vocabulary, this.normalise);
    }
    // What is cut is normalised then.
    const left = this.normalised === undefined ? normaliser : [];
    this.cutter = new WordCutter(left, preTokenizer);
    if (cutsAtSpaces(left, preTokenizer)) this.rawWords = new RawWords(left, preTokenizer);
  }

  /** The ids of a text, without template. The array is this encoder's own and holds until the next call. */
  encode(text: string, specialTokensInText: SpecialTokensInText): Uint32Array {
    const { list } = this;
    list.count = 0;
    const special = specialTokensInText === "recognise";
    let done = 0;
    for (const { begin, end, id } of this.added.find(text, special)) {
      if (done < begin) this.encodePart(text.slice(done, begin), done === 0, special);
      list.push(id);
      done = end;
    }
    if (done < text.length) this.encodePart(done === 0 ? text : text.slice(done), done === 0, special);
    return list.ids.subarray(0, list.count);
  }

  /** The same of a text that is there as bytes, special tokens read as text. `met` tells what was met. */
  encodeBytes(text: TextBytes): Uint32Array {
    const { list, met } = this;
    met.visible = 0;
    met.others.length = 0;
    if (this.rawWords !== undefined && !this.added.hasOthers && this.normalised === undefined) {
      list.count = 0;
      this.encodeRaw(this.rawWords, text, true);
      return list.ids.subarray(0, list.count);
    }
    const ids = this.encode(text.slice(0, text.length), "as-text");
    // Whoever counts what was met is told of all of it.
    met.visible = 0;
    met.others.length = 0;
    met.others.push(0, text.length);
    return ids;
  }

  /** Encodes what stands between added tokens. */
  private encodePart(part: string, isFirst: boolean, special: boolean): void {
    if (this.normalised === undefined) {
      this.encodePiece(part, isFirst);
      return;
    }
    const { list } = this;
    const text = this.normalise(part);
    const ofFirst = this.measureFirst(part, isFirst);
    let done = 0;
    for (const { begin, end, id } of this.normalised.find(text, special)) {
      if (done < begin) this.encodePiece(text.slice(done, begin), false, Math.max(0, ofFirst - done));
      list.push(id);
      done = end;
    }
    if (done < text.length) this.encodePiece(done === 0 ? text : text.slice(done), false, Math.max(0, ofFirst - done));
  }

  /** Encodes a text without added tokens. Of one that is normalised it is said how much of its begin comes of the character that all text begins with. */
  private encodePiece(piece: string, isFirst: boolean, ofFirst?: number): void {
    if (this.rawWords === undefined) {
      this.encodeStart(piece, isFirst, ofFirst);
      return;
    }
    this.text.read(piece);
    this.encodeRaw(this.rawWords, this.text, isFirst, ofFirst);
  }

  /** How much of what is made of a text comes of its first character, where that counts and is the first of all text. */
  private measureFirst(text: string, isFirst: boolean): number {
    const counts = isFirst && this.tokenizer.preTokenizer.prefixSpace === "first" && this.keepsFirst(text);
    return counts ? Math.max(1, this.normalise(String.fromCodePoint(text.codePointAt(0)!)).length) : 0;
  }

  private encodeRaw(rawWords: RawWords, text: TextBytes, isFirst: boolean, ofFirst?: number): void {
    const { rawCache, list } = this;
    const isPrefixed = this.tokenizer.preTokenizer.prefixSpace !== "never";
    rawWords.text = text;
    const { view } = text;
    const { begins, ends, hashes, areVisible } = rawWords;
    const { met } = this;
    const { others } = met;
    for (let at = rawWords.find(0); rawWords.count > 0; at = rawWords.find(at)) {
      const words = rawWords.count;
      rawCache.lookAhead(hashes, words);
      list.reserve(words * mostIds);
      let { ids, count } = list;
      for (let word = 0; word < words; word++) {
        const [begin, end, hash] = [begins[word]!, ends[word]!, hashes[word]!];
        if (areVisible[word] === 1) met.visible += end - begin;
        else if (others.length > 0 && others[others.length - 1] === begin) others[others.length - 1] = end;
        else others.push(begin, end);
        const isFirstWord = isPrefixed && begin === 0;
        const next = isFirstWord ? -1 : rawCache.read(view, begin, end, hash, ids, count);
        if (next >= 0) {
          count = next;
          continue;
        }
        list.count = count;
        if (isFirstWord) this.encodeStart(text.slice(begin, end), isFirst, ofFirst);
        else {
          this.cutter.cutRaw(text, begin, end);
          this.encodeWords();
          rawCache.add(view, begin, end, hash, list.ids, count, list.count);
        }
        list.reserve((words - word) * mostIds);
        ({ ids, count } = list);
      }
      list.count = count;
    }
  }

  /** Encodes what a part begins with. */
  private encodeStart(text: string, isFirst: boolean, ofFirst = this.measureFirst(text, isFirst)): void {
    this.cutter.cutText(text, true, ofFirst);
    this.encodeWords();
  }

  /** Encodes the words that were cut last. */
  private encodeWords(): void {
    const { wordCache, list } = this;
    const { text, spans } = this.cutter;
    const { view } = text;
    const { bounds, count } = spans;
    for (let word = 0; word < count; word++) {
      const begin = bounds[2 * word]!;
      const end = bounds[2 * word + 1]!;
      const hash = hashBytes(view, begin, end);
      list.reserve(mostIds);
      const from = list.count;
      const next = wordCache.read(view, begin, end, hash, list.ids, from);
      if (next >= 0) list.count = next;
      else {
        this.encodeWord(text.slice(begin, end), list);
        wordCache.add(view, begin, end, hash, list.ids, from, list.count);
      }
    }
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
