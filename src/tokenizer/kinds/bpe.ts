// Byte-pair encoding: a word's bytes, or its characters behind metaspace, joined pair by pair in the order in which the pairs were
// learned. Of bytes nothing is unknown.

import { byteLetters, writeByteLetters } from "../encoding/byte-letters.ts";
import { IdList } from "../encoding/id-list.ts";
import { learnMerges } from "../learning/learn-merges.ts";
import type { Refuse } from "../normalising/normaliser-json.ts";
import { checkByteTokens, findByteTokens } from "./byte-tokens.ts";
import { SymbolJoiner } from "./join-symbols.ts";
import type { TokenizerKind } from "./kind.ts";
import type { BpeModel } from "./models.ts";
import { readVocabulary } from "./read-vocabulary.ts";

export const bpe: TokenizerKind<BpeModel> = {
  name: "bpe",
  summary: "bytes, or characters, joined pair by pair, the commonest pair first",
  source: "Sennrich et al. 2016, arXiv 1508.07909; of bytes: Radford et al. 2019",
  type: "BPE",
  preTokenizers: ["byte-level", "metaspace"],
  limitsAlphabet: preTokenizer => preTokenizer !== "byte-level",
  describeUnknown: preTokenizer =>
    preTokenizer === "byte-level" ? undefined : "characters that are none of the vocabulary's",
  learn: (wordCounts, { preTokenizer, ...options }) => {
    const ofBytes = preTokenizer === "byte-level";
    const words = ofBytes ? wordCounts.map(([word, count]) => [writeByteLetters(word), count] as const) : wordCounts;
    const alphabet = ofBytes ? { alphabet: byteLetters } : {};
    const { vocabulary, merges } = learnMerges(words, { ...options, ...alphabet, minimumCount: 2 });
    return { vocabulary, model: { kind: "bpe", merges, fuseUnknown: false } };
  },
  compile: ({ vocabulary, preTokenizer, specials }, model) => {
    const { merges, fuseUnknown, dropsUnknown, knowsWords, spellsUnknown, wordEnd = "" } = model;
    const idOf = new Map(vocabulary.map((token, id) => [token, id]));
    const joined = Int32Array.from(merges, ([left, right]) => idOf.get(vocabulary[left]! + vocabulary[right]!)!);
    const symbols = new IdList();
    const joiner = new SymbolJoiner(symbols, merges, joined);
    const ofBytes = preTokenizer.name === "byte-level";
    const idsOfBytes = (end: string) => Int32Array.from(byteLetters, letter => idOf.get(letter + end)!);
    const readSymbols = ofBytes
      ? readBytes(idsOfBytes(""), wordEnd === "" ? undefined : idsOfBytes(wordEnd))
      : readCharacters(idOf, wordEnd, {
          unknown: dropsUnknown ? undefined : specials.unknown,
          fuseUnknown,
          byteTokens: spellsUnknown ? findByteTokens(vocabulary) : undefined,
        });
    return (word, ids) => {
      const whole = knowsWords ? idOf.get(ofBytes ? writeByteLetters(word) : word) : undefined;
      if (whole !== undefined) {
        ids.push(whole);
        return;
      }
      symbols.count = 0;
      readSymbols(word, symbols);
      joiner.join(ids);
    };
  },
  encodeJson: ({ vocabulary, specials, preTokenizer }, model) => ({
    dropout: null,
    unk_token: preTokenizer.name === "byte-level" || model.dropsUnknown ? null : vocabulary[specials.unknown],
    continuing_subword_prefix: null,
    end_of_word_suffix: model.wordEnd ?? null,
    fuse_unk: model.fuseUnknown,
    byte_fallback: model.spellsUnknown === true,
    ignore_merges: model.knowsWords === true,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    merges: model.merges.map(pair => pair.map(id => vocabulary[id]!)),
  }),
  decodeJson: (json, preTokenizer, refuse) => {
    // It leaves merges out at random, wherever it encodes.
    if (json.dropout) refuse("model.dropout is set");
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = json;
    if (prefix != null && prefix !== "") refuse("model.continuing_subword_prefix is set");
    const wordEnd = typeof suffix === "string" ? suffix : "";
    const vocabulary = readVocabulary(json.vocab, refuse);
    const merges = readMerges(json.merges, vocabulary, refuse);
    const ofBytes = preTokenizer === "byte-level";
    if (ofBytes) checkBytes(vocabulary, wordEnd, refuse);
    // Of bytes nothing is unknown.
    const spellsUnknown = json.byte_fallback === true && !ofBytes;
    if (spellsUnknown) checkByteTokens(vocabulary, refuse);
    if (spellsUnknown && wordEnd !== "") refuse("model.byte_fallback and model.end_of_word_suffix are set");
    const isUnnamed = json.unk_token === null || json.unk_token === undefined;
    return {
      vocabulary,
      model: {
        kind: "bpe",
        merges,
        fuseUnknown: json.fuse_unk === true,
        ...(!ofBytes && isUnnamed ? { dropsUnknown: true } : {}),
        ...(spellsUnknown ? { spellsUnknown } : {}),
        ...(wordEnd === "" ? {} : { wordEnd }),
        ...(json.ignore_merges === true ? { knowsWords: true } : {}),
      },
    };
  },
};

function checkBytes(vocabulary: readonly string[], wordEnd: string, refuse: Refuse): void {
  const known = new Set(vocabulary);
  for (const end of new Set(["", wordEnd])) {
    const missing = byteLetters.findIndex(letter => !known.has(letter + end));
    if (missing >= 0)
      refuse(`model.vocab has no token for the byte ${missing}${end === "" ? "" : " at the end of a word"}`);
  }
}

/** Reads a word as its bytes in UTF-8, the last one otherwise where it ends a word; half a surrogate pair is U+FFFD. */
const readBytes = (idOfByte: Int32Array, idOfLast: Int32Array | undefined) => (word: string, symbols: IdList) => {
  let last = 0;
  const put = (byte: number) => {
    last = byte;
    symbols.push(idOfByte[byte]!);
  };
  for (let i = 0; i < word.length; i++) {
    let point = word.charCodeAt(i);
    if (point < 0x80) {
      put(point);
      continue;
    }
    if (point < 0x800) {
      put(0xc0 | (point >> 6));
    } else {
      if (point >= 0xd800 && point < 0xe000) {
        point = word.codePointAt(i)!;
        if (point > 0xffff) i++;
        else point = 0xfffd;
      }
      if (point < 0x10000) put(0xe0 | (point >> 12));
      else {
        put(0xf0 | (point >> 18));
        put(0x80 | ((point >> 12) & 0x3f));
      }
      put(0x80 | ((point >> 6) & 0x3f));
    }
    put(0x80 | (point & 0x3f));
  }
  if (idOfLast !== undefined && symbols.count > 0) symbols.ids[symbols.count - 1] = idOfLast[last]!;
};

interface UnknownCharacters {
  /** Undefined where they are dropped. */
  readonly unknown: number | undefined;
  readonly fuseUnknown: boolean;
  /** Undefined where they are not spelt. */
  readonly byteTokens: readonly number[] | undefined;
}

const readCharacters =
  (idOf: ReadonlyMap<string, number>, wordEnd: string, { unknown, fuseUnknown, byteTokens }: UnknownCharacters) =>
  (word: string, symbols: IdList) => {
    let isUnknown = false;
    let at = 0;
    for (const character of word) {
      at += character.length;
      const id = idOf.get(at === word.length ? character + wordEnd : character);
      if (id === undefined && byteTokens !== undefined) {
        for (const byte of Buffer.from(character, "utf8")) symbols.push(byteTokens[byte]!);
        continue;
      }
      const put = id ?? unknown;
      if (put !== undefined && (id !== undefined || !isUnknown || !fuseUnknown)) symbols.push(put);
      isUnknown = id === undefined;
    }
  };

/** Pairs of lists or, in older files, of texts parted by a space. */
function readMerges(value: unknown, vocabulary: readonly string[], refuse: Refuse): (readonly [number, number])[] {
  if (!Array.isArray(value)) return refuse("model.merges is not a list");
  const idOf = new Map(vocabulary.map((token, id) => [token, id]));
  const seen = new Set<string>();
  return value.map((merge: unknown, rank) => {
    const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right, ...more] = Array.isArray(parts) ? (parts as unknown[]) : [];
    if (typeof left !== "string" || typeof right !== "string" || more.length > 0) {
      return refuse(`model.merges: number ${rank} is not two texts`);
    }
    const [leftId, rightId] = [idOf.get(left), idOf.get(right)];
    if (leftId === undefined || rightId === undefined || !idOf.has(left + right)) {
      return refuse(`model.merges: number ${rank} names a token that is not in model.vocab`);
    }
    const key = `${leftId} ${rightId}`;
    if (seen.has(key)) refuse(`model.merges: number ${rank} stands there twice`);
    seen.add(key);
    return [leftId, rightId] as const;
  });
}
