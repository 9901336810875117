// The pieces that learning a Unigram begins with: every character, and the stretches of 2 to 16 characters that occur twice or more among the
// different words and are followed by more than one thing, by length times occurrences. A suffix array cut at 17 characters finds them, and
// every place of theirs.

import type { WordCount } from "./count-words.ts";
import { mostPieces, type PlacedPieces, packPiece, unknown } from "./unigram-lattice.ts";

const longestPiece = 16;
const mostSeeds = 1_000_000;

export interface Seeds {
  /** The logarithms of their shares, in the order of Hugging Face's trainer; of the unknown piece, the first, none. */
  readonly scores: Float64Array;
  readonly placed: PlacedPieces;
}

/** The seeds of words. */
export function findSeeds(wordCounts: readonly WordCount[], alphabet: readonly string[]): Seeds {
  const text = joinWords(wordCounts);
  const suffixes = sortSuffixes(text);
  const repeated = findRepeated(text, suffixes, new Set([...alphabet].map(letter => letter.codePointAt(0)!)));
  const counts = new Map(alphabet.map(letter => [letter, 0]));
  for (const [word, count] of wordCounts) {
    for (const character of word) {
      const known = counts.get(character);
      if (known !== undefined) counts.set(character, known + count);
    }
  }
  const byCodePoint = (a: string, b: string) => a.codePointAt(0)! - b.codePointAt(0)!;
  const letters = [...counts]
    .sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || byCodePoint(b, a))
    .slice(0, mostSeeds);
  const stretches = repeated.slice(0, mostSeeds - letters.length);
  const shares = [...letters.map(([, count]) => count), ...stretches.map(({ score }) => score)];
  const sum = shares.reduce((sum, share) => sum + share, 0);
  const scores = new Float64Array(1 + shares.length).fill(Number.NaN);
  for (let i = 0; i < shares.length; i++) scores[i + 1] = Math.log(shares[i]!) - Math.log(sum);
  return {
    scores,
    placed: placePieces(
      text,
      suffixes,
      letters.map(([letter]) => letter),
      stretches,
    ),
  };
}

/** The code points of all words, 0 behind each. */
function joinWords(wordCounts: readonly WordCount[]): Uint32Array {
  const text = new Uint32Array(wordCounts.reduce((sum, [word]) => sum + word.length + 1, 0));
  let length = 0;
  for (const [word] of wordCounts) {
    for (let i = 0; i < word.length; i++) {
      const point = word.codePointAt(i)!;
      if (point > 0xffff) i++;
      text[length++] = point;
    }
    text[length++] = 0;
  }
  return text.subarray(0, length);
}

/** A stretch that begins the suffixes of these ranks, and no others. */
interface Repeated {
  readonly first: number;
  readonly end: number;
  readonly length: number;
  readonly score: number;
}

/** Stretches of known characters that more than one thing follows, the highest score first, of equals the last in the alphabet. */
function findRepeated(text: Uint32Array, suffixes: Uint32Array, known: ReadonlySet<number>): Repeated[] {
  const count = suffixes.length;
  const found: Repeated[] = [];
  const depths: number[] = [];
  const firsts: number[] = [];
  for (let rank = 1; rank <= count; rank++) {
    const common = rank < count ? commonLength(text, suffixes[rank - 1]!, suffixes[rank]!) : -1;
    let first = rank - 1;
    while (depths.length > 0 && depths.at(-1)! > common) {
      const length = depths.pop()!;
      first = firsts.pop()!;
      if (length > 1 && length <= longestPiece && isKnown(text, suffixes[first]!, length, known)) {
        found.push({ first, end: rank, length, score: (rank - first) * length });
      }
    }
    if (common > 0 && depths.at(-1) !== common) {
      depths.push(common);
      firsts.push(first);
    }
  }
  // Of two that begin alike the longer one is the later.
  return found.sort((a, b) => b.score - a.score || b.first - a.first || b.length - a.length);
}

/** Every letter and every stretch at every place of its own; stretches hold each other or nothing of each other. */
function placePieces(
  text: Uint32Array,
  suffixes: Uint32Array,
  letters: readonly string[],
  stretches: readonly Repeated[],
): PlacedPieces {
  if (1 + letters.length + stretches.length > mostPieces) throw new Error("more pieces than a number has room for");
  const idOfLetter = new Map(letters.map((letter, i) => [letter.codePointAt(0)!, i + 1]));
  const order = Uint32Array.from(stretches, (_, i) => i);
  order.sort((a, b) => stretches[a]!.first - stretches[b]!.first || stretches[a]!.length - stretches[b]!.length);
  /** Shows what begins at the place of each rank, shorter ones first. */
  const visit = (see: (place: number, open: Uint32Array, count: number) => void) => {
    const open = new Uint32Array(longestPiece); // packed, of the stretches that begin at a rank
    const ends = new Uint32Array(longestPiece);
    let [count, next] = [0, 0];
    for (let rank = 0; rank < suffixes.length; rank++) {
      while (count > 0 && ends[count - 1]! <= rank) count--;
      for (; next < order.length && stretches[order[next]!]!.first === rank; next++) {
        const { end, length } = stretches[order[next]!]!;
        open[count] = packPiece(1 + letters.length + order[next]!, length);
        ends[count++] = end;
      }
      see(suffixes[rank]!, open, count);
    }
  };
  const firsts = new Uint32Array(text.length + 1);
  visit((place, _, count) => {
    firsts[place + 1] = text[place] === 0 ? 0 : 1 + count;
  });
  for (let at = 0; at < text.length; at++) firsts[at + 1]! += firsts[at]!;
  const packed = new Uint32Array(firsts[text.length]!);
  visit((place, open, count) => {
    if (text[place] === 0) return;
    let to = firsts[place]!;
    packed[to++] = packPiece(idOfLetter.get(text[place]!) ?? unknown, 1);
    for (let i = 0; i < count; i++) packed[to++] = open[i]!;
  });
  return { text, firsts, packed };
}

function isKnown(text: Uint32Array, start: number, length: number, known: ReadonlySet<number>): boolean {
  for (let i = start; i < start + length; i++) if (!known.has(text[i]!)) return false;
  return true;
}

/** Of two suffixes, up to the end of a word and with it. */
function commonLength(text: Uint32Array, a: number, b: number): number {
  let length = 0;
  while (length <= longestPiece) {
    const point = text[a + length]!;
    if (point !== text[b + length]) break;
    length++;
    if (point === 0) break;
  }
  return length;
}

/** So few suffixes are put in order one by one. */
const few = 12;

/**
 * Places of a text in the order of what begins there, up to the end of a word or of 17 characters at most (multikey quicksort, Bentley &
 * Sedgewick 1997).
 */
function sortSuffixes(text: Uint32Array): Uint32Array {
  const order = new Uint32Array(text.length);
  const waiting: number[] = [];
  // By the first character at once.
  const ends = new Uint32Array(0x110001);
  for (let i = 0; i < text.length; i++) ends[text[i]! + 1]! += 1;
  for (let point = 0; point < 0x110000; point++) {
    const from = ends[point]!;
    ends[point + 1]! += from;
    if (point > 0 && ends[point + 1]! - from > 1) waiting.push(from, ends[point + 1]!, 1);
  }
  for (let i = 0; i < text.length; i++) order[ends[text[i]!]!++] = i;
  while (waiting.length > 0) {
    const depth = waiting.pop()!;
    const to = waiting.pop()!;
    const from = waiting.pop()!;
    if (to - from <= few) {
      sortFew(text, order, from, to, depth);
      continue;
    }
    const pivot = text[order[(from + to) >>> 1]! + depth]!;
    let [less, i, more] = [from, from, to];
    while (i < more) {
      const place = order[i]!;
      const point = text[place + depth]!;
      if (point < pivot) {
        order[i++] = order[less]!;
        order[less++] = place;
      } else if (point > pivot) {
        order[i] = order[--more]!;
        order[more] = place;
      } else i++;
    }
    waiting.push(from, less, depth, more, to, depth);
    if (pivot !== 0 && depth < longestPiece) waiting.push(less, more, depth + 1);
  }
  return order;
}

/** Sorts suffixes that are equal up to a depth, by insertion. */
function sortFew(text: Uint32Array, order: Uint32Array, from: number, to: number, depth: number): void {
  for (let i = from + 1; i < to; i++) {
    const place = order[i]!;
    let at = i;
    for (; at > from; at--) {
      const before = order[at - 1]!;
      let d = depth;
      while (d < longestPiece && text[before + d] === text[place + d] && text[place + d] !== 0) d++;
      if (text[before + d]! <= text[place + d]!) break;
      order[at] = before;
    }
    order[at] = place;
  }
}
