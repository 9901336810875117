// The pieces that learning a Unigram begins with: every character, and the stretches of 2 to 16 characters that occur twice or more among the
// different words and are followed by more than one thing, by length times occurrences. A suffix array cut at 17 characters finds them.

import type { WordCount } from "./count-words.ts";

const longestPiece = 16;
const mostSeeds = 1_000_000;

/** Seeds and the logarithms of their shares, as Hugging Face's trainer orders them. */
export function findSeeds(
  wordCounts: readonly WordCount[],
  alphabet: readonly string[],
): { texts: string[]; scores: Float64Array } {
  const text = joinWords(wordCounts);
  const repeated = findRepeated(text, new Set([...alphabet].map(letter => letter.codePointAt(0)!)));
  const counts = new Map(alphabet.map(letter => [letter, 0]));
  for (const [word, count] of wordCounts) {
    for (const character of word) {
      const known = counts.get(character);
      if (known !== undefined) counts.set(character, known + count);
    }
  }
  const byCodePoint = (a: string, b: string) => a.codePointAt(0)! - b.codePointAt(0)!;
  const letters = [...counts].sort(([a, countOfA], [b, countOfB]) => countOfB - countOfA || byCodePoint(b, a));
  const seeds = letters.slice(0, mostSeeds);
  for (const { start, length, score } of repeated) {
    if (seeds.length >= mostSeeds) break;
    seeds.push([String.fromCodePoint(...text.subarray(start, start + length)), score]);
  }
  const sum = seeds.reduce((sum, [, score]) => sum + score, 0);
  return {
    texts: seeds.map(([seed]) => seed),
    scores: Float64Array.from(seeds, ([, score]) => Math.log(score) - Math.log(sum)),
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

interface Repeated {
  readonly start: number;
  readonly length: number;
  readonly score: number;
}

/** Stretches of known characters that more than one thing follows, the highest score first, of equals the last in the alphabet. */
function findRepeated(text: Uint32Array, known: ReadonlySet<number>): Repeated[] {
  const suffixes = sortSuffixes(text);
  const count = suffixes.length;
  const found: (Repeated & { readonly rank: number })[] = [];
  const depths: number[] = [];
  const firsts: number[] = [];
  for (let rank = 1; rank <= count; rank++) {
    const common = rank < count ? commonLength(text, suffixes[rank - 1]!, suffixes[rank]!) : -1;
    let first = rank - 1;
    while (depths.length > 0 && depths.at(-1)! > common) {
      const length = depths.pop()!;
      first = firsts.pop()!;
      const start = suffixes[first]!;
      if (length > 1 && length <= longestPiece && isKnown(text, start, length, known)) {
        found.push({ start, length, score: (rank - first) * length, rank: first });
      }
    }
    if (common > 0 && depths.at(-1) !== common) {
      depths.push(common);
      firsts.push(first);
    }
  }
  // Of two that begin alike the longer one is the later.
  return found.sort((a, b) => b.score - a.score || b.rank - a.rank || b.length - a.length);
}

function isKnown(text: Uint32Array, start: number, length: number, known: ReadonlySet<number>): boolean {
  for (let i = start; i < start + length; i++) if (!known.has(text[i]!)) return false;
  return true;
}

function commonLength(text: Uint32Array, a: number, b: number): number {
  let length = 0;
  while (length <= longestPiece && a + length < text.length && b + length < text.length) {
    if (text[a + length] !== text[b + length]) break;
    length++;
  }
  return length;
}

/** Places of a text in the order of what begins there, of 17 characters at most (multikey quicksort, Bentley & Sedgewick 1997). */
function sortSuffixes(text: Uint32Array): Uint32Array {
  const order = Uint32Array.from(text, (_, i) => i);
  const at = (place: number, depth: number) => (place + depth < text.length ? text[place + depth]! + 1 : 0);
  const waiting: [from: number, to: number, depth: number][] = [[0, order.length, 0]];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const [from, to, depth] = part;
    if (to - from < 2 || depth > longestPiece) continue;
    const pivot = at(order[(from + to) >>> 1]!, depth);
    let [less, i, more] = [from, from, to];
    while (i < more) {
      const place = order[i]!;
      const point = at(place, depth);
      if (point < pivot) {
        order[i++] = order[less]!;
        order[less++] = place;
      } else if (point > pivot) {
        order[i] = order[--more]!;
        order[more] = place;
      } else i++;
    }
    waiting.push([from, less, depth], [less, more, depth + 1], [more, to, depth]);
  }
  return order;
}
