// Words with their counts in the order of their UTF-16 units. Half a million are compared ten million times where two are compared at a time;
// by their first units at once (radix sort, the last of these first), what is left to compare are words that begin alike.

import type { WordCount } from "./count-words.ts";

/** So many units are looked at at once. Of a shorter word the others are 0. */
const units = 8;

/** The same words, each once among them, in their order. */
export function sortWordCounts(words: readonly WordCount[]): WordCount[] {
  const count = words.length;
  const keys = new Uint16Array(units * count);
  for (let i = 0; i < count; i++) {
    const [word] = words[i]!;
    for (let unit = Math.min(units, word.length) - 1; unit >= 0; unit--) keys[unit * count + i] = word.charCodeAt(unit);
  }
  let from = Uint32Array.from({ length: count }, (_, i) => i);
  let to = new Uint32Array(count);
  for (let unit = units - 1; unit >= 0; unit--) {
    const own = keys.subarray(unit * count, (unit + 1) * count);
    const ends = new Uint32Array(0x10001);
    for (let i = 0; i < count; i++) ends[own[i]! + 1]! += 1;
    for (let value = 0; value < 0x10000; value++) ends[value + 1]! += ends[value]!;
    for (let i = 0; i < count; i++) to[ends[own[from[i]!]!]!++] = from[i]!;
    [from, to] = [to, from];
  }
  const beginAlike = (a: number, b: number) => {
    for (let unit = 0; unit < units; unit++) if (keys[unit * count + a] !== keys[unit * count + b]) return false;
    return true;
  };
  const sorted: WordCount[] = [];
  for (let begin = 0, end = 1; begin < count; begin = end++) {
    while (end < count && beginAlike(from[begin]!, from[end]!)) end++;
    if (end === begin + 1) sorted.push(words[from[begin]!]!);
    else {
      const alike = Array.from(from.subarray(begin, end), i => words[i]!);
      for (const word of alike.sort(([a], [b]) => (a < b ? -1 : 1))) sorted.push(word);
    }
  }
  return sorted;
}
