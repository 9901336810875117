// Makes tokenizers: gives data its hash, and a learned vocabulary the special tokens and template of this project.

import { contentHash } from "../base/files/files.ts";
import { keepsSpaces, type PreTokenizerName, preTokenizerOf } from "./encoding/pre-tokenizer.ts";
import type { TokenizerModel } from "./kinds/models.ts";
import { type Normaliser, type NormaliserName, normalisers } from "./normalising/normaliser.ts";
import { specialTokens, type Tokenizer, type TokenizerData } from "./tokenizer.ts";
import { encodeTokenizerJson } from "./tokenizer-json.ts";

/** A tokenizer of its data, with its hash. */
export function defineTokenizer(data: TokenizerData): Tokenizer {
  return { ...data, hash: tokenizerHash(data) };
}

/**
 * The steps of a normaliser before a pre-tokenizer. Where spaces are written into words no ideograph is set between two of them: the spaces
 * would be half of all tokens, and its neighbours could never be of one token with it.
 */
export function normaliserBefore(name: NormaliserName, preTokenizer: PreTokenizerName): Normaliser {
  if (!keepsSpaces(preTokenizer)) return normalisers[name];
  return normalisers[name].flatMap((step): Normaliser => {
    if (step.step !== "bert") return [step];
    const isOnlyThat = !(step.cleanText || step.stripAccents || step.lowercase);
    return isOnlyThat ? [] : [{ ...step, separateIdeographs: false }];
  });
}

/**
 * A tokenizer of this project: special tokens first, a separator after a text, as the reference has it. `vocabulary`
 * must begin with `specialTokens`.
 */
export function defineLearnedTokenizer(
  vocabulary: readonly string[],
  normaliser: Normaliser,
  preTokenizer: PreTokenizerName,
  model: TokenizerModel = { kind: "wordpiece", longestWord: 100 },
): Tokenizer {
  const astray = specialTokens.findIndex((token, id) => vocabulary[id] !== token);
  if (astray >= 0) throw new Error(`token ${astray} is ${vocabulary[astray]}, not ${specialTokens[astray]}`);
  return defineTokenizer({
    vocabulary,
    model,
    normaliser,
    preTokenizer: preTokenizerOf(preTokenizer),
    specialTokens,
    specials: { pad: 0, unknown: 3, classify: 4, separator: 5, mask: 6 },
    maskTakesSpace: keepsSpaces(preTokenizer),
    template: {
      single: [
        { sequence: "A", typeId: 0 },
        { token: "<sep>", typeId: 0 },
      ],
      pair: [
        { token: "<cls>", typeId: 0 },
        { sequence: "A", typeId: 0 },
        { token: "<sep>", typeId: 0 },
        { sequence: "B", typeId: 0 },
        { token: "<sep>", typeId: 0 },
      ],
    },
  });
}

/** Sixteen hexadecimal digits that name a tokenizer by its content. */
function tokenizerHash(data: TokenizerData): string {
  return contentHash(encodeTokenizerJson(data));
}
