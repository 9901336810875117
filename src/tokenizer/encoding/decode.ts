// Token ids back to text, as Hugging Face's decoders give it. Of WordPiece: pieces joined, a space before each word, and the spaces taken
// out again that English does not write. Of bytes: the text of the bytes. Of metaspace: a space for each "▁" but the first. What
// normalising took away, as upper case and accents, is gone for good.

import { cleanUp } from "../decoding/clean-up.ts";
import { applyDecoder } from "../decoding/decode-step.ts";
import { compileNormaliser } from "../normalising/normalise.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { readByteLetters } from "./byte-letters.ts";

/** The text of ids. `specialTokens` says whether special tokens appear in it. An id outside the vocabulary is a bug. */
export function decodeTokens(
  tokenizer: Tokenizer,
  ids: ArrayLike<number>,
  specialTokens: "keep" | "skip" = "keep",
): string {
  const skipped = new Set(specialTokens === "skip" ? tokenizer.specialTokens : []);
  const normalised = new Map(normalisedTokens(tokenizer));
  const tokens: string[] = [];
  for (let i = 0; i < ids.length; i++) {
    const token = tokenizer.vocabulary[ids[i]!];
    if (token === undefined) throw new RangeError(`token id ${ids[i]} is not below ${tokenizer.vocabulary.length}`);
    if (!skipped.has(token)) tokens.push(normalised.get(token) ?? token);
  }
  if (tokenizer.decoder !== undefined) return applyDecoder(tokenizer.decoder, tokens);
  if (tokenizer.preTokenizer.name === "byte-level") return decodeBytes(tokens);
  if (tokenizer.preTokenizer.name === "metaspace") return decodeMetaspace(tokens, tokenizer);
  return tokenizer.model.kind === "wordpiece" ? decodePieces(tokens) : tokens.join(" ");
}

/** What is found normalised is written normalised. */
function normalisedTokens({ added, normaliser }: Tokenizer): (readonly [content: string, written: string])[] {
  const tokens = added?.tokens.filter(({ normalized }) => normalized) ?? [];
  if (tokens.length === 0) return [];
  const normalise = compileNormaliser(normaliser);
  return tokens.map(({ content }) => [content, normalise(content)]);
}

/** How many characters each token adds to a text. */
export function countCharacters(tokenizer: Tokenizer): Float64Array {
  const { vocabulary, model, preTokenizer, decoder } = tokenizer;
  // Behind another token, which a space may part from it.
  if (decoder !== undefined) {
    return Float64Array.from(vocabulary, token => applyDecoder(decoder, ["x", token, "x"]).length - 2);
  }
  return Float64Array.from(vocabulary, token => {
    if (preTokenizer.name === "byte-level") {
      const bytes = readByteLetters(token);
      return bytes === undefined ? token.length : bytes.filter(byte => (byte & 0xc0) !== 0x80).length;
    }
    if (preTokenizer.name === "metaspace") return token.length;
    // A token that begins a word has a space before it.
    return model.kind === "wordpiece" && token.startsWith("##") ? token.length - 2 : token.length + 1;
  });
}

function decodeBytes(tokens: readonly string[]): string {
  const bytes = tokens.map(token => readByteLetters(token) ?? Buffer.from(token, "utf8"));
  return Buffer.from(bytes.flatMap(some => [...some])).toString("utf8");
}

function decodeMetaspace(tokens: readonly string[], { preTokenizer }: Tokenizer): string {
  const first = preTokenizer.prefixSpace === "never" ? " " : "";
  return tokens.map((token, i) => token.replaceAll("▁", i === 0 ? first : " ")).join("");
}

function decodePieces(tokens: readonly string[]): string {
  return tokens
    .map((token, i) => cleanUp(i === 0 ? token : token.startsWith("##") ? token.slice(2) : ` ${token}`))
    .join("");
}
