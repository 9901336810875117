// Unigram: every token has a probability, and a word is cut where the product of its tokens' is largest. Behind metaspace it is
// SentencePiece's.

import { quoteValue } from "../../base/printable.ts";
import { learnUnigram } from "../learning/unigram/learn-unigram.ts";
import type { Refuse } from "../normalising/normaliser-json.ts";
import { isObject } from "../normalising/normaliser-json.ts";
import { checkByteTokens, findByteTokens } from "./byte-tokens.ts";
import type { EncodeWord, Learned, TokenizerKind } from "./kind.ts";
import type { UnigramModel } from "./models.ts";
import { UnigramPieces } from "./unigram-pieces.ts";

export const unigram: TokenizerKind<UnigramModel> = {
  name: "unigram",
  summary: "the most probable pieces; those are kept that the text would miss most",
  source: "Kudo 2018, arXiv 1804.10959; learned as Hugging Face's UnigramTrainer",
  type: "Unigram",
  preTokenizers: ["metaspace", "whitespace", "bert"],
  limitsAlphabet: () => true,
  describeUnknown: () => "characters that are none of the vocabulary's",
  learn: (wordCounts, options) => {
    const { pieces, scores } = learnUnigram(wordCounts, options);
    const { specialTokens } = options;
    return {
      vocabulary: [...specialTokens, ...pieces],
      model: { kind: "unigram", scores: [...specialTokens.map(() => 0), ...scores] },
    };
  },
  compile: ({ vocabulary, specials, specialTokens }, { scores, spellsUnknown }) => {
    // A special token is never made of characters.
    const special = new Set(specialTokens);
    const pieces = new UnigramPieces(vocabulary, scores.map(roundAsThere), specials.unknown, id =>
      special.has(vocabulary[id]!),
    );
    if (spellsUnknown) return spellUnknown(pieces, vocabulary, specials.unknown);
    return (word, ids) => {
      const path = pieces.findBest(word);
      let isUnknown = false;
      for (let at = path.count - 1; at >= 0; at--) {
        const id = path.ids[at]!;
        if (id !== specials.unknown || !isUnknown) ids.push(id);
        isUnknown = id === specials.unknown;
      }
    };
  },
  encodeJson: ({ vocabulary, specials }, { scores, spellsUnknown }) => ({
    unk_id: specials.unknown,
    vocab: vocabulary.map((token, id) => [token, scores[id]]),
    byte_fallback: spellsUnknown === true,
  }),
  decodeJson: (json, _, refuse) => {
    const { vocabulary, model } = decodeVocabulary(json.vocab, refuse);
    if (json.byte_fallback !== true) return { vocabulary, model };
    checkByteTokens(vocabulary, refuse);
    return { vocabulary, model: { ...model, spellsUnknown: true } };
  },
};

/** The pieces of words, and of what is unknown the bytes. */
function spellUnknown(pieces: UnigramPieces, vocabulary: readonly string[], unknown: number): EncodeWord {
  const byteTokens = findByteTokens(vocabulary);
  return (word, ids) => {
    const path = pieces.findBest(word);
    let begin = 0;
    for (let at = path.count - 1; at >= 0; at--) {
      const id = path.ids[at]!;
      if (id === unknown) {
        const character = String.fromCodePoint(word.codePointAt(begin)!);
        for (const byte of Buffer.from(character, "utf8")) ids.push(byteTokens[byte]!);
        begin += character.length;
      } else {
        ids.push(id);
        begin += vocabulary[id]!.length;
      }
    }
  };
}

/**
 * A score as Hugging Face's library reads it from a file: its digits as a number, by a power of ten, which rounds twice. The last bit decides
 * between two ways of equal probability, as "." and ".." for three full stops.
 */
function roundAsThere(score: number): number {
  const match = /^(-?)(\d+)\.(\d{1,22})$/.exec(String(score));
  if (match === null) return score;
  const [, sign, whole, fraction] = match as unknown as [string, string, string, string];
  const value = Number(BigInt(whole + fraction)) / 10 ** fraction.length;
  return sign === "-" ? -value : value;
}

function decodeVocabulary(vocab: unknown, refuse: Refuse): Learned<UnigramModel> {
  if (!Array.isArray(vocab) || isObject(vocab)) return refuse("model.vocab is not a list");
  const vocabulary: string[] = [];
  const scores: number[] = [];
  const seen = new Set<string>();
  for (const [id, entry] of (vocab as unknown[]).entries()) {
    const [token, score] = Array.isArray(entry) ? (entry as unknown[]) : [];
    if (typeof token !== "string" || typeof score !== "number") {
      return refuse(`model.vocab: number ${id} is not a token and its score`);
    }
    if (seen.has(token)) refuse(`model.vocab: ${quoteValue(token)} stands there twice`);
    seen.add(token);
    vocabulary.push(token);
    scores.push(score);
  }
  return { vocabulary, model: { kind: "unigram", scores } };
}
