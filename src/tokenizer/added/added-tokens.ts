// Added tokens in a text, found as Hugging Face's `tokenizers` finds them: of several that begin at one place the longest, from left to
// right; some only as whole words, and with the white space around them that they take. Those that are `normalized` are looked for once
// more, in the normalised text between the others.

import { characterClass, characterClasses, whiteSpaceSet } from "../normalising/character-classes.ts";
import type { AddedToken, TokenizerData } from "../tokenizer.ts";

const whiteSpace = new RegExp(`[${whiteSpaceSet}]`);

/** A token that was found, with the white space that it takes. */
export interface FoundToken {
  readonly begin: number;
  readonly end: number;
  readonly id: number;
}

interface SoughtToken {
  readonly token: AddedToken;
  readonly id: number;
}

/** Every added token of a tokenizer, whether it has others than special ones or not. */
export function listAddedTokens({
  added,
  specialTokens,
  specials,
  vocabulary,
  maskTakesSpace,
}: TokenizerData): readonly AddedToken[] {
  if (added !== undefined) return added.tokens;
  return specialTokens.map(content => ({
    content,
    special: true,
    singleWord: false,
    lstrip: maskTakesSpace && vocabulary[specials.mask] === content,
    rstrip: false,
    normalized: false,
  }));
}

/** Finds some added tokens, written as `write` writes them. */
export class AddedTokens {
  private readonly tokens: ReadonlyMap<string, SoughtToken>;
  private readonly pattern: RegExp | undefined;
  /** Whether some are found where special tokens are not looked for. */
  readonly hasOthers: boolean;

  constructor(tokens: readonly AddedToken[], vocabulary: readonly string[], write = (content: string) => content) {
    const idOf = new Map(vocabulary.map((token, id) => [token, id]));
    this.tokens = new Map(tokens.map(token => [write(token.content), { token, id: idOf.get(token.content)! }]));
    const written = [...this.tokens.keys()].sort((a, b) => b.length - a.length);
    if (written.length > 0) this.pattern = new RegExp(written.map(escapeRegex).join("|"), "g");
    this.hasOthers = tokens.some(({ special }) => !special);
  }

  /** Those in a text, from left to right; `special` says whether special ones are looked for. */
  find(text: string, special: boolean): FoundToken[] {
    const found: FoundToken[] = [];
    if (this.pattern === undefined || !(special || this.hasOthers)) return found;
    let done = 0;
    for (const { index, 0: written } of text.matchAll(this.pattern)) {
      const { token, id } = this.tokens.get(written)!;
      if (token.special && !special) continue;
      let [begin, end] = [index, index + written.length];
      if (token.singleWord && (endsInWord(text, begin) || beginsInWord(text, end))) continue;
      if (token.lstrip) while (begin > done && whiteSpace.test(text[begin - 1]!)) begin--;
      // As there: what one took behind it may be where the next one stands.
      if (token.lstrip && begin < done) begin = done;
      if (token.rstrip) while (end < text.length && whiteSpace.test(text[end]!)) end++;
      // White space, all of which one before it took.
      if (begin >= end) continue;
      found.push({ begin, end, id });
      done = end;
    }
    return found;
  }
}

const isWord = (point: number) => (characterClasses()[point]! & characterClass.word) !== 0;

const beginsInWord = (text: string, at: number) => at < text.length && isWord(text.codePointAt(at)!);

function endsInWord(text: string, at: number): boolean {
  if (at === 0) return false;
  const isPair =
    at > 1 && (text.charCodeAt(at - 1) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 2) & 0xfc00) === 0xd800;
  return isWord(text.codePointAt(at - (isPair ? 2 : 1))!);
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
