// Shingles of a text: runs of five words, whatever their case and what stands between them, as hashes of 32 bits.

import { hashWords } from "./words.ts";

/** Words of a shingle. */
const shingleWords = 5;

/** Hashes of the shingles of a text, each once, ascending: runs of five words in lower case, or of all where there are fewer. */
export function hashShingles(text: string): Uint32Array {
  const hashes = hashWords(text.toLowerCase(), 0x811c9dc5);
  if (hashes.length === 0) return hashes;
  const length = Math.min(shingleWords, hashes.length);
  const shingles = new Uint32Array(hashes.length - length + 1);
  for (let at = 0; at < shingles.length; at++) {
    let hash = 0;
    for (let i = 0; i < length; i++) hash = mix(Math.imul(hash, 0x9e3779b1) + hashes[at + i]!);
    shingles[at] = hash;
  }
  shingles.sort();
  return shingles.filter((hash, i) => i === 0 || hash !== shingles[i - 1]);
}

/** The finaliser of MurmurHash3. */
export function mix(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The Jaccard index of two ascending lists; of two empty ones 0. */
export function compareShingles(a: Uint32Array, b: Uint32Array): number {
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) common++;
    if (a[i]! <= b[j]!) {
      if (a[i] === b[j]) j++;
      i++;
    } else j++;
  }
  const either = a.length + b.length - common;
  return either === 0 ? 0 : common / either;
}
