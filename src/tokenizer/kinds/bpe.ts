// Byte-pair encoding: a word's bytes, or its characters behind metaspace, joined pair by pair in the order in which the pairs were
// learned. Of bytes nothing is unknown.

import { byteLetters, writeByteLetters } from "../encoding/byte-letters.ts";
import { IdList } from "../encoding/id-list.ts";
import { learnMerges } from "../learning/learn-merges.ts";
import type { Refuse } from "../normalising/normaliser-json.ts";
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
  compile: ({ vocabulary, preTokenizer, specials }, { merges, fuseUnknown, dropsUnknown, knowsWords }) => {
    const idOf = new Map(vocabulary.map((token, id) => [token, id]));
    const joined = Int32Array.from(merges, ([left, right]) => idOf.get(vocabulary[left]! + vocabulary[right]!)!);
    const symbols = new IdList();
    const joiner = new SymbolJoiner(symbols, merges, joined);
    const ofBytes = preTokenizer.name === "byte-level";
    const unknown = dropsUnknown ? undefined : specials.unknown;
    const readSymbols = ofBytes
      ? readBytes(Int32Array.from(byteLetters, letter => idOf.get(letter)!))
      : readCharacters(idOf, unknown, fuseUnknown);
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
  encodeJson: ({ vocabulary, specials, preTokenizer }, { merges, fuseUnknown, dropsUnknown, knowsWords }) => ({
    dropout: null,
    unk_token: preTokenizer.name === "byte-level" || dropsUnknown ? null : vocabulary[specials.unknown],
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: fuseUnknown,
    byte_fallback: false,
    ignore_merges: knowsWords === true,
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    merges: merges.map(pair => pair.map(id => vocabulary[id]!)),
  }),
  decodeJson: (json, preTokenizer, refuse) => {
    for (const key of ["dropout", "byte_fallback"]) if (json[key]) refuse(`model.${key} is set`);
    for (const key of ["continuing_subword_prefix", "end_of_word_suffix"]) {
      if (json[key] != null && json[key] !== "") refuse(`model.${key} is set`);
    }
    const vocabulary = readVocabulary(json.vocab, refuse);
    const merges = readMerges(json.merges, vocabulary, refuse);
    if (preTokenizer === "byte-level") {
      const known = new Set(vocabulary);
      const missing = byteLetters.findIndex(letter => !known.has(letter));
      if (missing >= 0) refuse(`model.vocab has no token for the byte ${missing}`);
    }
    const isUnnamed = json.unk_token === null || json.unk_token === undefined;
    return {
      vocabulary,
      model: {
        kind: "bpe",
        merges,
        fuseUnknown: json.fuse_unk === true,
        ...(preTokenizer !== "byte-level" && isUnnamed ? { dropsUnknown: true } : {}),
        ...(json.ignore_merges === true ? { knowsWords: true } : {}),
      },
    };
  },
};

/** Reads a word as its bytes in UTF-8; half a surrogate pair is U+FFFD. */
const readBytes = (idOfByte: Int32Array) => (word: string, symbols: IdList) => {
  const put = (byte: number) => symbols.push(idOfByte[byte]!);
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
};

const readCharacters =
  (idOf: ReadonlyMap<string, number>, unknown: number | undefined, fuseUnknown: boolean) =>
  (word: string, symbols: IdList) => {
    let isUnknown = false;
    for (const character of word) {
      const id = idOf.get(character);
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
