// Passages beside noisy copies of themselves: what a masked word is, stands at some other distance in the other passage, so that the only
// way to tell is to find the place there that is like its own. Masked text asks that rarely, and a small model that is trained for an hour
// never learns to compare two sentences (docs/LOG.md, "Passages and their echoes"). Made anew each time that a sequence is used.

import type { RandomSequence } from "../base/random.ts";
import type { ContinuesWord } from "../tokenizer/encoding/word-starts.ts";

/** Tokens of a passage, about as many as a sentence has; the chance of a word to be left out of the copy, and of the copy to be turned. */
const passage = { least: 8, most: 32 } as const;
const leftOut = 0.15;
const turned = 0.5;

/**
 * Rewrites tokens[start, start + length): a passage, the separator, its copy, the separator, and so on until it is full. The copy lacks
 * some words, its second part may stand before its first, and it may come before the passage. No passage holds a separator.
 */
export function echoPassages(
  tokens: Int32Array,
  start: number,
  length: number,
  separator: number,
  continuesWord: ContinuesWord,
  random: RandomSequence,
): void {
  const source = tokens.slice(start, start + length);
  let read = 0;
  let written = 0;
  const write = (token: number) => {
    if (written < length) tokens[start + written++] = token;
  };
  while (written < length) {
    // Behind its end the sequence is read from its beginning again, which a passage of nothing but separators is not for ever.
    while (source[read % length] === separator && read < 2 * length) read += 1;
    const words = takeWords(source, read % length, passage.least + random.below(passage.most - passage.least + 1));
    read += words.flat().length;
    const echo = echoWords(words, random);
    const [first, second] = random.uniform() < 0.5 ? [words, echo] : [echo, words];
    for (const token of [...first.flat(), separator, ...second.flat(), separator]) write(token);
  }

  /** Whole words from a place on, up to a separator or so many tokens; one token at least where there is one. */
  function takeWords(from: Int32Array, at: number, most: number): number[][] {
    const words: number[][] = [];
    for (let place = at; place < length && from[place] !== separator; place++) {
      const token = from[place]!;
      if (place > at && continuesWord(from[place - 1]!, token)) words.at(-1)!.push(token);
      else if (place - at >= most) break;
      else words.push([token]);
    }
    return words;
  }
}

function echoWords(words: readonly number[][], random: RandomSequence): number[][] {
  const kept = words.filter(() => random.uniform() >= leftOut);
  if (kept.length < 2 || random.uniform() >= turned) return kept;
  const cut = 1 + random.below(kept.length - 1);
  return [...kept.slice(cut), ...kept.slice(0, cut)];
}
