// Short passages in a sequence, made anew each time that it is used: beside noisy copies of themselves, or alone.
// Beside a copy: what a masked word is, stands at some other distance in the other passage, so that the only way to tell is to find the place
// there that is like its own. Masked text asks that rarely, and a small model that is trained for an hour never learns to compare two
// sentences (docs/LOG.md, "Passages and their echoes"). Half of those passages stand alone all the same: where each separator has a copy beside
// it, a model looks for one wherever it sees a separator, and reads worse.

import type { RandomSequence } from "../base/random.ts";
import type { ContinuesWord } from "../tokenizer/encoding/word-starts.ts";

/** Tokens of a passage that has a copy, about as many as a sentence has, and of one that stands alone. */
const copied = { least: 8, most: 32 } as const;
const lone = { least: 8, most: 64 } as const;
/** The chance of a passage to stand alone, of a word to be left out of the copy, and of the copy to be turned. */
const halfAlone = 0.5;
const leftOut = 0.15;
const turned = 0.5;

/**
 * Rewrites tokens[start, start + length): a passage and the separator, or a passage, the separator, its copy and the separator, and so on
 * until it is full. The copy lacks some words, its second part may stand before its first, and it may come before the passage. No passage
 * holds a separator.
 */
export const echoPassages: RewriteSequence = (...sequence) => rewritePassages(halfAlone, ...sequence);

/** The same of passages that all stand alone, as texts do that are finetuned, scored and filled in. */
export const cutPassages: RewriteSequence = (...sequence) => rewritePassages(1, ...sequence);

type RewriteSequence = (
  tokens: Int32Array,
  start: number,
  length: number,
  separator: number,
  continuesWord: ContinuesWord,
  random: RandomSequence,
) => void;

function rewritePassages(
  alone: number,
  ...[tokens, start, length, separator, continuesWord, random]: Parameters<RewriteSequence>
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
    const isAlone = random.uniform() < alone;
    const { least, most } = isAlone ? lone : copied;
    const words = takeWords(source, read % length, least + random.below(most - least + 1));
    read += words.flat().length;
    const passages = isAlone ? [words] : placeBeside(words, echoWords(words, random), random);
    for (const token of passages.flatMap(passage => [...passage.flat(), separator])) write(token);
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

const placeBeside = <Passage>(passage: Passage, copy: Passage, random: RandomSequence): Passage[] =>
  random.uniform() < 0.5 ? [passage, copy] : [copy, passage];

function echoWords(words: readonly number[][], random: RandomSequence): number[][] {
  const kept = words.filter(() => random.uniform() >= leftOut);
  if (kept.length < 2 || random.uniform() >= turned) return kept;
  const cut = 1 + random.below(kept.length - 1);
  return [...kept.slice(cut), ...kept.slice(0, cut)];
}
