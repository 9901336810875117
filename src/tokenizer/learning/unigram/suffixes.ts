// Suffixes of words in their order, up to the end of a word or of 17 characters at most. Those that begin with one character are apart from
// all others, so any thread may sort them.

import { Crew } from "../../../base/threads/crew.ts";
import { allocateUint32 } from "./large-arrays.ts";
import { longestPiece } from "./lattice-part.ts";

/** Of two suffixes, up to the end of a word and with it. */
export function commonLength(text: Uint32Array, a: number, b: number): number {
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

const ownModule = import.meta.url;
/** So many jobs at most they are sorted in. */
const mostParts = 64;

/** Places of a text in the order of what begins there, up to the end of a word or of 17 characters at most. */
export function sortSuffixes(text: Uint32Array, crew: Crew = new Crew(1)): Uint32Array {
  const order = allocateUint32(text.length);
  const buckets: [from: number, to: number][] = [];
  const ends = new Uint32Array(0x110001);
  for (let i = 0; i < text.length; i++) ends[text[i]! + 1]! += 1;
  for (let point = 0; point < 0x110000; point++) {
    const from = ends[point]!;
    ends[point + 1]! += from;
    if (point > 0 && ends[point + 1]! - from > 1) buckets.push([from, ends[point + 1]!]);
  }
  for (let i = 0; i < text.length; i++) order[ends[text[i]!]!++] = i;
  buckets.sort(([a, toA], [b, toB]) => toB - b - (toA - a));
  crew.run(ownModule, sortBuckets, { text, order, buckets }, Math.min(mostParts, buckets.length));
  return order;
}

export interface SortInput {
  readonly text: Uint32Array;
  readonly order: Uint32Array;
  /** Ranks of suffixes with the same first character, many before few. */
  readonly buckets: readonly (readonly [from: number, to: number])[];
}

/** Every so many buckets sorted (multikey quicksort, Bentley & Sedgewick 1997). */
export function sortBuckets({ text, order, buckets }: SortInput, part: number): void {
  for (let bucket = part; bucket < buckets.length; bucket += mostParts) {
    const [from, to] = buckets[bucket]!;
    sortRange(text, order, from, to, 1);
  }
}

/** Sorts suffixes that are equal up to a depth. */
function sortRange(text: Uint32Array, order: Uint32Array, begin: number, end: number, equal: number): void {
  const waiting = [begin, end, equal];
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
