// Words as tokens: the commonest ones are known, and no others.

import type { TokenizerKind } from "./kind.ts";
import type { WordLevelModel } from "./models.ts";
import { readVocabulary } from "./read-vocabulary.ts";

export const wordlevel: TokenizerKind<WordLevelModel> = {
  name: "wordlevel",
  summary: "whole words, the commonest; any other is unknown",
  source: "learned as Hugging Face's WordLevelTrainer",
  type: "WordLevel",
  preTokenizers: ["whitespace", "bert"],
  limitsAlphabet: () => false,
  describeUnknown: () => "words that are none of the vocabulary's",
  learn: (wordCounts, { vocabularySize, specialTokens }) => {
    const commonest = wordCounts
      .filter(([word]) => !specialTokens.includes(word))
      .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || compareCodePoints(a, b));
    const words = commonest.slice(0, Math.max(0, vocabularySize - specialTokens.length)).map(([word]) => word);
    return { vocabulary: [...specialTokens, ...words], model: { kind: "wordlevel" } };
  },
  compile: ({ vocabulary, specials, specialTokens }) => {
    const special = new Set(specialTokens);
    const idOf = new Map(vocabulary.flatMap((token, id) => (special.has(token) ? [] : [[token, id] as const])));
    return (word, ids) => ids.push(idOf.get(word) ?? specials.unknown);
  },
  encodeJson: ({ vocabulary, specials }) => ({
    vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    unk_token: vocabulary[specials.unknown],
  }),
  decodeJson: (json, _, refuse) => ({
    vocabulary: readVocabulary(json.vocab, refuse),
    model: { kind: "wordlevel" },
  }),
};

/** Order of UTF-8 bytes, which is that of code points and not that of UTF-16. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
