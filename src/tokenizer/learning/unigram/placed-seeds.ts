// Seeds at every place of words that stand in the text of all: what begins somewhere is the longest stretch that does, and those that it
// begins with. Parts of the words are any thread's.

import type { JoinedWords, WordRange } from "./joined-words.ts";
import { allocateUint32 } from "./large-arrays.ts";
import { longestPiece, type PlacedPieces, packPiece, unknown } from "./lattice-part.ts";

export interface PlaceInput {
  readonly words: JoinedWords;
  readonly parts: readonly WordRange[];
  /** By word: where it stands in the text of all. */
  readonly places: Uint32Array;
  /** By seed: which piece it is; 0 for none. */
  readonly numbers: Uint32Array;
  /** Whether no piece of a word is all of it. */
  readonly apart: boolean;
  readonly text: Uint32Array;
  /** By place: the longest stretch that begins there; 0 where there is none. */
  readonly longest: Uint32Array;
  readonly lengths: Uint8Array;
  /** By stretch: the longest one that it begins with; 0 where there is none. */
  readonly parents: Uint32Array;
  readonly idOfLetter: ReadonlyMap<number, number>;
}

/** The pieces of the words of a part: those that end behind what a word shares. */
export function placePart(input: PlaceInput, part: number): PlacedPieces {
  const { words, places, numbers, apart, text, longest, lengths, parents, idOfLetter } = input;
  const [from, behind] = input.parts[part]!;
  const starts = words.starts.subarray(from, behind + 1);
  const shared = words.shared.subarray(from, behind + 1);
  const firsts = allocateUint32(starts.length);
  let packed = allocateUint32(3 * (starts.at(-1)! - starts[0]!));
  let to = 0;
  for (let word = 0; word + 1 < starts.length; word++) {
    const [begin, known] = [places[from + word]!, shared[word]!];
    const length = starts[word + 1]! - 1 - starts[word]!;
    if (to + (longestPiece + 1) * length > packed.length) packed = grow(packed, (longestPiece + 1) * length);
    firsts[word] = to;
    let before = 0;
    for (let i = Math.max(0, known - longestPiece + 1); i < length; i++) {
      const first = to;
      const most = apart ? length - i - (i === 0 ? 1 : 0) : length;
      if (i >= known && most > 0) {
        packed[to++] = packPiece(numbers[idOfLetter.get(text[begin + i]!) ?? unknown]!, 1, 0);
      }
      // Shorter ones come first, and longer ones are found first.
      let last = to;
      for (let seed = longest[begin + i]!; seed !== 0 && i + lengths[seed]! > known; seed = parents[seed]!) {
        if (lengths[seed]! <= most && numbers[seed] !== 0)
          packed[last++] = packPiece(numbers[seed]!, lengths[seed]!, 0);
      }
      for (let low = to, high = last - 1; low < high; low++, high--) {
        const piece = packed[low]!;
        packed[low] = packed[high]!;
        packed[high] = piece;
      }
      to = last;
      if (to === first) continue;
      packed[first] = packPiece(packed[first]!, 0, i - before);
      before = i;
    }
  }
  firsts[starts.length - 1] = to;
  return { text: words.text, starts, shared, firsts, packed };
}

function grow(old: Uint32Array, more: number): Uint32Array {
  const grown = allocateUint32(2 * old.length + more);
  grown.set(old);
  return grown;
}
