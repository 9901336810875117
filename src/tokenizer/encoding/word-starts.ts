// Which tokens begin a word, for masks of whole words. WordPiece marks what continues one, metaspace what begins one. Of bytes a word ends
// where GPT-2's pre-tokenizer cuts: at a space, or where letters, digits and marks meet. A Unigram of bare words does not say it.

import { listAddedTokens } from "../added/added-tokens.ts";
import { characterClass, characterClasses } from "../normalising/character-classes.ts";
import type { TokenizerData } from "../tokenizer.ts";
import { readByteLetters } from "./byte-letters.ts";

/** Whether a token goes on with the word of the token before it. */
export type ContinuesWord = (previous: number, token: number) => boolean;

/** Undefined where no token tells it. */
export function tellWords(data: TokenizerData): ContinuesWord | undefined {
  const { vocabulary, model, preTokenizer } = data;
  const added = new Set(listAddedTokens(data).map(({ content }) => content));
  if (model.kind === "bpe" && model.wordEnd !== undefined) {
    const { wordEnd } = model;
    const ends = Uint8Array.from(vocabulary, token => (token.endsWith(wordEnd) || added.has(token) ? 1 : 0));
    return previous => ends[previous] === 0;
  }
  if (preTokenizer.name === "byte-level") return tellWordsOfBytes(vocabulary, added);
  if (preTokenizer.name === "metaspace") {
    const begins = Uint8Array.from(vocabulary, token => (token.startsWith("▁") || added.has(token) ? 1 : 0));
    return (_, token) => begins[token] === 0;
  }
  if (model.kind === "wordlevel") return () => false;
  if (model.kind !== "wordpiece") return undefined;
  const continues = Uint8Array.from(vocabulary, token => (token.length > 2 && token.startsWith("##") ? 1 : 0));
  return (_, token) => continues[token] === 1;
}

const classes = { blank: 0, letter: 1, number: 2, mark: 3, begun: 4 } as const;

/** What the first and the last character of each token are; `begun` is a part of a character, which belongs to either neighbour. */
function tellWordsOfBytes(vocabulary: readonly string[], added: ReadonlySet<string>): ContinuesWord {
  const first = new Uint8Array(vocabulary.length);
  const last = new Uint8Array(vocabulary.length);
  vocabulary.forEach((token, id) => {
    const bytes = added.has(token) ? undefined : readByteLetters(token);
    if (bytes === undefined) return;
    const isPart = (byte: number) => (byte & 0xc0) === 0x80;
    const text = Buffer.from(bytes).toString("utf8");
    first[id] = isPart(bytes[0]!) ? classes.begun : classify(text.codePointAt(0)!);
    last[id] = text.endsWith("\ufffd") ? classes.begun : classify([...text].at(-1)!.codePointAt(0)!);
  });
  return (previous, token) => {
    const [before, after] = [last[previous]!, first[token]!];
    if (before === classes.blank || after === classes.blank) return false;
    return before === after || after === classes.begun || before === classes.begun;
  };
}

function classify(point: number): number {
  const bits = characterClasses()[point]!;
  if (bits & characterClass.space) return classes.blank;
  if (bits & characterClass.letter) return classes.letter;
  return bits & characterClass.number ? classes.number : classes.mark;
}
