// Texts that are nearly an earlier one: MinHash signatures (Broder 1997) find candidates in bands (locality-sensitive hashing), and what
// is dropped is decided on the texts themselves, by the Jaccard index of their shingles. A signature is made with one hash a shingle
// (one permutation hashing, with empty bins filled as Shrivastava 2017 does), so its cost does not grow with its length.

import { permutation, streams } from "../../base/random.ts";
import type { TextStore } from "./text-store.ts";

export interface NearDuplicateOptions {
  /** Share of shingles that two texts have in common, of those that either has, from which on the later is dropped. */
  readonly leastJaccard: number;
  /** Told the share that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Words of a shingle. */
const shingleWords = 5;
/** 25 bands of 5 find two texts of a Jaccard index of 0.8 with a chance of 0.99995, and of 0.5 with 0.55: 1 − (1 − J⁵)²⁵. */
const bands = 25;
const rows = 5;
const bins = 128;
/** How far the estimate of a signature may be off, in standard deviations, before the texts are not looked at. */
const deviations = 4;
/** Earlier texts of one band that a text is compared with: its nearest, and the first. */
const comparedBefore = 8;

/**
 * Of each text of the store whether it is dropped: 1 where an earlier text that stays has at least `leastJaccard` in common with it.
 * A pair of exactly that index is found with a chance of 1 − (1 − J⁵)²⁵. About 520 bytes of memory a text.
 */
export function findNearDuplicates(store: TextStore, { leastJaccard, onProgress }: NearDuplicateOptions): Uint8Array {
  const count = store.textCount;
  const signatures = new Uint32Array(count * bins);
  const decoder = new TextDecoder();
  const shinglesOf = (text: number) => hashShingles(decoder.decode(store.readText(text)));
  for (let text = 0; text < count; text++) {
    writeSignature(shinglesOf(text), signatures.subarray(text * bins, (text + 1) * bins));
    if (text % 1024 === 0) onProgress?.((0.8 * text) / count);
  }
  const dropped = new Uint8Array(count);
  const kept = new Map<number, Uint32Array>();
  const recall = (text: number) => {
    let shingles = kept.get(text);
    if (shingles === undefined) {
      // The texts of one group follow each other, so a few are enough.
      if (kept.size >= 64) kept.clear();
      kept.set(text, (shingles = shinglesOf(text)));
    }
    return shingles;
  };
  const slack = deviations * Math.sqrt((leastJaccard * (1 - leastJaccard)) / bins);
  const candidates = listCandidates(signatures, count);
  for (const [i, pair] of candidates.entries()) {
    const [text, earlier] = [Math.floor(pair / 2 ** 26), pair % 2 ** 26];
    if (i % 1024 === 0) onProgress?.(0.8 + (0.2 * i) / candidates.length);
    if (dropped[text] === 1 || dropped[earlier] === 1) continue;
    if (estimate(signatures, text, earlier) < leastJaccard - slack) continue;
    if (compareShingles(recall(text), recall(earlier)) >= leastJaccard) dropped[text] = 1;
  }
  return dropped;
}

/** Hashes of the shingles of a text, each once, ascending: runs of five words in lower case, or of all where there are fewer. */
export function hashShingles(text: string): Uint32Array {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const hashes = Uint32Array.from(words, hashWord);
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

/** FNV-1a over UTF-16 units. */
function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The finaliser of MurmurHash3. */
function mix(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const empty = 0xffffffff;

/** The smallest hash of each bin; an empty bin has that of another, drawn by its number alone. */
function writeSignature(shingles: Uint32Array, signature: Uint32Array): void {
  signature.fill(empty);
  for (const shingle of shingles) {
    const hash = mix(shingle ^ 0x5bd1e995);
    const bin = hash % bins;
    if (hash < signature[bin]!) signature[bin] = hash;
  }
  if (shingles.length === 0) return;
  const found = signature.slice();
  for (let bin = 0; bin < bins; bin++) {
    if (found[bin] !== empty) continue;
    for (let attempt = 1; signature[bin] === empty; attempt++)
      signature[bin] = found[mix(bin * 0x10001 + attempt) % bins]!;
  }
}

/** Pairs of texts that share a band, each as text · 2²⁶ + earlier, ascending, once. */
function listCandidates(signatures: Uint32Array, count: number): Float64Array {
  const pairs: number[] = [];
  const keys = new Float64Array(count);
  // Bins of a band lie anywhere: neighbours that were filled may be equal.
  const order = permutation(bins, 0, streams.sampling, 0);
  for (let band = 0; band < bands; band++) {
    for (let text = 0; text < count; text++) {
      let hash = 0;
      for (let row = 0; row < rows; row++) {
        hash = mix(Math.imul(hash, 0x9e3779b1) + signatures[text * bins + order[band * rows + row]!]!);
      }
      // 27 bits of hash and 26 of text sort together; what meets by chance is told apart later.
      keys[text] = (hash >>> 5) * 2 ** 26 + text;
    }
    keys.sort();
    for (let begin = 0; begin < count; ) {
      const hash = Math.floor(keys[begin]! / 2 ** 26);
      let end = begin + 1;
      while (end < count && Math.floor(keys[end]! / 2 ** 26) === hash) end++;
      for (let i = begin + 1; i < end; i++) {
        const text = keys[i]! % 2 ** 26;
        const nearest = Math.max(begin + 1, i - comparedBefore);
        for (let j = nearest; j < i; j++) pairs.push(text * 2 ** 26 + (keys[j]! % 2 ** 26));
        pairs.push(text * 2 ** 26 + (keys[begin]! % 2 ** 26));
      }
      begin = end;
    }
  }
  const sorted = Float64Array.from(pairs).sort();
  return sorted.filter((pair, i) => i === 0 || pair !== sorted[i - 1]);
}

function estimate(signatures: Uint32Array, a: number, b: number): number {
  let equal = 0;
  for (let bin = 0; bin < bins; bin++) if (signatures[a * bins + bin] === signatures[b * bins + bin]) equal++;
  return equal / bins;
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
