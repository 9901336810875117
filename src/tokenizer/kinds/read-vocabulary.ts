// The vocabulary of a tokenizer.json: an object of tokens and their ids, every id from 0 once.

import { quoteValue } from "../../base/printable.ts";
import { isObject, type Refuse } from "../normalising/normaliser-json.ts";

export function readVocabulary(vocab: unknown, refuse: Refuse): string[] {
  if (!isObject(vocab)) return refuse("model.vocab is missing");
  const entries = Object.entries(vocab);
  const vocabulary = new Array<string>(entries.length);
  for (const [token, id] of entries) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= entries.length) {
      return refuse(`model.vocab: the id ${id} of ${quoteValue(token)} is not one of 0 to ${entries.length - 1}`);
    }
    if (vocabulary[id] !== undefined) {
      refuse(`model.vocab: ${quoteValue(vocabulary[id])} and ${quoteValue(token)} have the same id ${id}`);
    }
    vocabulary[id] = token;
  }
  return vocabulary;
}
