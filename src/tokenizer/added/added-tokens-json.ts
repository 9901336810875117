// The added tokens of a tokenizer.json, there and back. Those that the model has not follow its vocabulary in the order of the file, as
// `tokenizers` numbers them.

import { quoteValue } from "../../base/printable.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Normaliser } from "../normalising/normaliser.ts";
import { isObject, type Refuse } from "../normalising/normaliser-json.ts";
import type { AddedToken, TokenizerData } from "../tokenizer.ts";
import { listAddedTokens } from "./added-tokens.ts";

/** The `added_tokens` of a tokenizer.json, with the roles of some. */
export function encodeAddedTokens(data: TokenizerData, rolesOf: ReadonlyMap<string, readonly string[]>): object[] {
  const idOf = new Map(data.vocabulary.map((token, id) => [token, id]));
  return listAddedTokens(data).map(({ content, special, singleWord, lstrip, rstrip, normalized }) => ({
    id: idOf.get(content),
    content,
    single_word: singleWord,
    lstrip,
    rstrip,
    normalized,
    special,
    ...(rolesOf.has(content) ? { roles: rolesOf.get(content) } : {}),
  }));
}

export interface AddedVocabulary {
  /** That of the model, and behind it what was added. */
  readonly vocabulary: readonly string[];
  readonly tokens: readonly AddedToken[];
}

/** The added tokens of the `added_tokens` of a tokenizer.json, beside the model's vocabulary. */
export function decodeAddedTokens(
  value: unknown,
  ofModel: readonly string[],
  normaliser: Normaliser,
  refuse: Refuse,
): AddedVocabulary {
  if (value === null || value === undefined) return { vocabulary: ofModel, tokens: [] };
  if (!Array.isArray(value)) return refuse("added_tokens is not a list");
  const idOf = new Map(ofModel.map((token, id) => [token, id]));
  const tokens = value.map((json: unknown): AddedToken => {
    const { id, content, special, single_word, lstrip, rstrip, normalized } = isObject(json) ? json : {};
    const name = quoteValue(content);
    if (typeof content !== "string" || content === "") return refuse(`added token ${name} is not a text`);
    const own = idOf.get(content) ?? idOf.size;
    if (id !== own) return refuse(`added token ${name} has the id ${quoteValue(id)}, and its place is ${own}`);
    idOf.set(content, own);
    return {
      content,
      special: special === true,
      singleWord: single_word === true,
      lstrip: lstrip === true,
      rstrip: rstrip === true,
      normalized: normalized === true,
    };
  });
  refuseTwins(tokens, normaliser, refuse);
  return { vocabulary: [...idOf.keys()], tokens };
}

/** The same with the tokens of the vocabulary that have one of some names as special ones. */
export function addSpecials(added: AddedVocabulary, names: Iterable<string | undefined>): AddedVocabulary {
  const missing = new Set(names);
  for (const { content } of added.tokens) missing.delete(content);
  const plain = { special: true, singleWord: false, lstrip: false, rstrip: false, normalized: false };
  const tokens = added.vocabulary.filter(token => missing.has(token)).map(content => ({ content, ...plain }));
  return { ...added, tokens: [...added.tokens, ...tokens] };
}

/** Refuses tokens that a text could not tell from each other, or that nothing is left of. */
function refuseTwins(tokens: readonly AddedToken[], normaliser: Normaliser, refuse: Refuse): void {
  const normalise = compileNormaliser(normaliser);
  const seen = new Map<string, string>();
  for (const { content, normalized } of tokens) {
    const written = normalized ? normalise(content) : content;
    if (written === "") refuse(`added token ${quoteValue(content)} is nothing once normalised`);
    const key = `${normalized} ${written}`;
    const twin = seen.get(key);
    if (twin !== undefined) refuse(`added tokens ${quoteValue(twin)} and ${quoteValue(content)} are written alike`);
    seen.set(key, content);
  }
}

/** What a tokenizer has of its added tokens: special ones of the vocabulary are told by their names alone. */
export function describeAdded(
  { tokens, vocabulary }: AddedVocabulary,
  ofModel: number,
  mask: number,
): Pick<TokenizerData, "specialTokens" | "maskTakesSpace" | "added"> {
  const takesSpace = ({ content, lstrip }: AddedToken) => lstrip && vocabulary[mask] === content;
  const isPlain = (token: AddedToken) =>
    token.special && !(token.singleWord || token.rstrip || token.normalized) && (!token.lstrip || takesSpace(token));
  const arePlain = vocabulary.length === ofModel && tokens.every(isPlain);
  return {
    specialTokens: tokens.filter(({ special }) => special).map(({ content }) => content),
    maskTakesSpace: tokens.some(takesSpace),
    ...(arePlain ? {} : { added: { tokens, ofModel } }),
  };
}
