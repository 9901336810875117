// Texts that are nearly an earlier one: signatures find candidates in bands (locality-sensitive hashing), and what is dropped is decided
// on the texts themselves, by the Jaccard index of their shingles. Bands and candidates wait on disk.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { permutation, streams } from "../../base/random.ts";
import { NumberFile } from "./number-file.ts";
import { compareShingles, hashShingles, mix } from "./shingles.ts";
import { signatureWords } from "./signatures.ts";
import type { SignedTexts } from "./text-places.ts";

export interface NearDuplicateOptions {
  /** Share of shingles that two texts have in common, of those that either has, from which on the later is dropped. */
  readonly leastJaccard: number;
  /** A folder for what waits. */
  readonly workFolder: string;
  /** For one band, or for some candidates, at a time; default 256 MiB. */
  readonly memoryBytes?: number | undefined;
  /** Told the share that is done, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** 25 bands of 5 find two texts of a Jaccard index of 0.8 with a chance of 0.99995, and of 0.5 with 0.55: 1 − (1 − J⁵)²⁵. */
const bands = 25;
const rows = 5;
/** How far the estimate of a signature may be off, in standard deviations, before the texts are not looked at. */
const deviations = 4;
/** Earlier texts of one band that a text is compared with: its nearest, and the first. */
const comparedBefore = 8;
/** 26 bits of a text and 27 of a hash are one number. */
const mostTexts = 2 ** 26;

/**
 * Of each text whether it is dropped: 1 where an earlier text that stays has at least `leastJaccard` in common with it. A pair of
 * exactly that index is found with a chance of 1 − (1 − J⁵)²⁵. UserErrors: E_OPTION above 2^26 texts, E_DISK_FULL.
 */
export function findNearDuplicates(texts: SignedTexts, options: NearDuplicateOptions): Uint8Array {
  const { leastJaccard, workFolder, memoryBytes = 2 ** 28, onProgress } = options;
  const count = texts.textCount;
  if (count > mostTexts) {
    throw new UserError(
      "E_OPTION",
      `${count.toLocaleString("en-US")} documents, and near duplicates are sought among ${mostTexts.toLocaleString("en-US")} at most`,
      "Prepare parts of the corpus, or seek repeated stretches alone.",
    );
  }
  const dropped = new Uint8Array(count);
  const decoder = new TextDecoder();
  const kept = new Map<number, Uint32Array>();
  const shinglesOf = (text: number) => {
    let shingles = kept.get(text);
    if (shingles === undefined) {
      // The texts of one group follow each other, so a few are enough.
      if (kept.size >= 64) kept.clear();
      kept.set(text, (shingles = hashShingles(decoder.decode(texts.readText(text)))));
    }
    return shingles;
  };
  const slack = deviations * Math.sqrt((leastJaccard * (1 - leastJaccard)) / signatureWords);
  const [own, other] = [new Uint32Array(signatureWords), new Uint32Array(signatureWords)];
  const open = (name: string) => new NumberFile(join(workFolder, name));
  const keys = Array.from({ length: bands }, (_, band) => open(`band-${band}`));
  const buckets = Array.from({ length: Math.max(1, Math.ceil(count / 2 ** 16)) }, (_, i) => open(`pairs-${i}`));
  try {
    writeKeys(texts, keys, share => onProgress?.(0.4 * share));
    for (const [band, file] of keys.entries()) {
      listPairs(file, memoryBytes, buckets);
      onProgress?.(0.4 + (0.2 * (band + 1)) / bands);
    }
    for (const [number, bucket] of buckets.entries()) {
      const pairs = bucket.take().sort();
      for (const [i, pair] of pairs.entries()) {
        if (i % 4096 === 0) onProgress?.(0.6 + (0.4 * (number + i / pairs.length)) / buckets.length);
        if (i > 0 && pair === pairs[i - 1]) continue;
        const [text, earlier] = [Math.floor(pair / mostTexts), pair % mostTexts];
        if (dropped[text] === 1 || dropped[earlier] === 1) continue;
        texts.readSignature(text, own);
        texts.readSignature(earlier, other);
        if (estimate(own, other) < leastJaccard - slack) continue;
        if (compareShingles(shinglesOf(text), shinglesOf(earlier)) >= leastJaccard) dropped[text] = 1;
      }
    }
    return dropped;
  } finally {
    for (const file of [...keys, ...buckets]) file.close();
  }
}

/** Of every text its key in each band: 27 bits of hash, then the text; what meets by chance is told apart later. */
function writeKeys(texts: SignedTexts, keys: readonly NumberFile[], onProgress: (share: number) => void): void {
  const signature = new Uint32Array(signatureWords);
  // Bins of a band lie anywhere: neighbours that were filled may be equal.
  const order = permutation(signatureWords, 0, streams.sampling, 0);
  for (let text = 0; text < texts.textCount; text++) {
    if (text % 4096 === 0) onProgress(text / texts.textCount);
    if (texts.isDropped(text)) continue;
    texts.readSignature(text, signature);
    for (let band = 0; band < bands; band++) {
      let hash = 0;
      for (let row = 0; row < rows; row++) {
        hash = mix(Math.imul(hash, 0x9e3779b1) + signature[order[band * rows + row]!]!);
      }
      keys[band]!.add((hash >>> 5) * mostTexts + text);
    }
  }
}

/** Pairs of texts that share a band, each as text · 2²⁶ + earlier, to the bucket of its text. */
function listPairs(file: NumberFile, memoryBytes: number, buckets: readonly NumberFile[]): void {
  const passes = Math.ceil((24 * file.count) / memoryBytes);
  const addPair = (text: number, earlier: number) => buckets[text >>> 16]!.add(text * mostTexts + earlier);
  for (let pass = 0; pass < passes; pass++) {
    const keys = passes === 1 ? file.take() : takeShare(file, pass, passes);
    keys.sort();
    for (let begin = 0; begin < keys.length; ) {
      const hash = Math.floor(keys[begin]! / mostTexts);
      let end = begin + 1;
      while (end < keys.length && Math.floor(keys[end]! / mostTexts) === hash) end++;
      for (let i = begin + 1; i < end; i++) {
        const text = keys[i]! % mostTexts;
        const nearest = Math.max(begin + 1, i - comparedBefore);
        for (let j = nearest; j < i; j++) addPair(text, keys[j]! % mostTexts);
        addPair(text, keys[begin]! % mostTexts);
      }
      begin = end;
    }
  }
  file.close();
}

/** The keys of some hashes. */
function takeShare(file: NumberFile, pass: number, passes: number): Float64Array {
  const keys: number[] = [];
  for (const key of file) if (Math.floor(key / mostTexts) % passes === pass) keys.push(key);
  return Float64Array.from(keys);
}

function estimate(a: Uint32Array, b: Uint32Array): number {
  let equal = 0;
  for (let bin = 0; bin < signatureWords; bin++) if (a[bin] === b[bin]) equal++;
  return equal / signatureWords;
}
