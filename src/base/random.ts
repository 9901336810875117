// Counter-based random numbers: Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A number is a function of (seed, stream, counter) and nothing else, so a resumed run draws what an uninterrupted one
// would have drawn. The streams in use are listed here, so that no two purposes share one.

import { makeNormalPair, writeNormals } from "./normal-numbers.ts";

export const streams = {
  initialisation: 1,
  sequenceOrder: 2,
  masking: 3,
  holdOut: 4,
  dropout: 5,
  sampling: 6,
  validationMasking: 7,
  sampledLabels: 8,
  curvature: 9,
  layerDrop: 15,
  orderBuckets: 16,
  orderMixture: 17,
  documentMixture: 20,
  packedSequences: 21,
  cooccurrence: 22,
  candidates: 23,
  echo: 24,
} as const;

export type Stream = (typeof streams)[keyof typeof streams];

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** The high 32 bits of the 64-bit product of two unsigned 32-bit numbers, as a signed number: no part of it is larger than 32 bits. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const cross = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (cross >>> 16)) | 0;
}

/** Ten rounds of Philox-4x32. `counter` is four words, `key` two; `out` receives four random words. */
export function philox(counter: readonly number[], key: readonly number[], out: Uint32Array): void {
  fillBlocks(out, 0, 1, counter, key);
}

/** The words of so many blocks, of this counter and those after it, from `start` on. Only the counter's first word is counted on. */
function fillBlocks(
  out: Uint32Array,
  start: number,
  blocks: number,
  counter: readonly number[],
  key: readonly number[],
): void {
  // In signed words, which need no more than 32 bits.
  const first = counter[0]! | 0;
  const second = counter[1]! | 0;
  const third = counter[2]! | 0;
  const fourth = counter[3]! | 0;
  const key0 = key[0]! | 0;
  const key1 = key[1]! | 0;
  for (let block = 0; block < blocks; block++) {
    let c0 = (first + block) | 0;
    let c1 = second;
    let c2 = third;
    let c3 = fourth;
    let k0 = key0;
    let k1 = key1;
    for (let round = 0; round < 10; round++) {
      const high0 = multiplyHigh(M0, c0);
      const low0 = Math.imul(M0, c0);
      const high1 = multiplyHigh(M1, c2);
      const low1 = Math.imul(M1, c2);
      c0 = high1 ^ c1 ^ k0;
      c2 = high0 ^ c3 ^ k1;
      c1 = low1;
      c3 = low0;
      k0 = (k0 + W0) | 0;
      k1 = (k1 + W1) | 0;
    }
    const at = start + 4 * block;
    out[at] = c0;
    out[at + 1] = c1;
    out[at + 2] = c2;
    out[at + 3] = c3;
  }
}

/** So many words are drawn at a time where many are: they stay in the first cache. */
const drawnAtOnce = 1024;

/**
 * A sequence of random numbers for one purpose. `index` names the item the numbers are for (a parameter's number, a
 * sequence's position in the run), so each item's numbers are independent of how many were drawn for others.
 */
export class RandomSequence {
  private readonly key: [number, number];
  private readonly counter: [number, number, number, number];
  private readonly words = new Uint32Array(4);
  private used = 4;

  constructor(seed: number, stream: Stream, index: number) {
    this.key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.counter = [0, stream, index >>> 0, Math.floor(index / 2 ** 32) >>> 0];
  }

  /** An integer in [0, 2^32). */
  bits(): number {
    if (this.used === 4) {
      philox(this.counter, this.key, this.words);
      this.counter[0] = (this.counter[0] + 1) >>> 0;
      this.used = 0;
    }
    return this.words[this.used++]!;
  }

  /** A number in [0, 1) with 32 random bits. */
  uniform(): number {
    return this.bits() / 2 ** 32;
  }

  /** An integer in [0, limit), every one equally likely (rejection of the incomplete last range). */
  below(limit: number): number {
    let bits = this.bits();
    // The last range is shorter than the limit, so few need to know where it begins: a remainder of that size is a call.
    if (bits >= 2 ** 32 - limit) {
      const bound = 2 ** 32 - (2 ** 32 % limit);
      while (bits >= bound) bits = this.bits();
    }
    return bits % limit;
  }

  /** Fills with what `bits` gives. */
  private fillBits(words: Uint32Array, count: number): void {
    let filled = 0;
    while (this.used < 4 && filled < count) words[filled++] = this.words[this.used++]!;
    const blocks = Math.floor((count - filled) / 4);
    fillBlocks(words, filled, blocks, this.counter, this.key);
    this.counter[0] = (this.counter[0] + blocks) >>> 0;
    for (filled += 4 * blocks; filled < count; filled++) words[filled] = this.bits();
  }

  /** Leaves out so many times four words of a sequence that nothing was drawn of yet. */
  skipBlocks(blocks: number): void {
    this.counter[0] = blocks >>> 0;
  }

  /** Two independent standard normal numbers. */
  normalPair(): [number, number] {
    return makeNormalPair(this.bits(), this.bits());
  }

  /** Fills with what pairs of normal numbers give, times a deviation: a hundred million of them are not made by twos. */
  fillNormal(values: Float32Array, deviation: number): void {
    const words = new Uint32Array(drawnAtOnce);
    for (let at = 0; at < values.length; at += drawnAtOnce) {
      const left = values.length - at;
      const count = Math.min(drawnAtOnce, left + (left % 2));
      this.fillBits(words, count);
      writeNormals(values, at, words, count, deviation);
    }
  }
}

/**
 * A permutation of [0, length) in place of a stored shuffle (Fisher–Yates with this generator).
 * Costs 4 bytes an item; the same for the same (seed, stream, index).
 */
export function permutation(length: number, seed: number, stream: Stream, index: number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  const random = new RandomSequence(seed, stream, index);
  for (let i = length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const swapped = order[i]!;
    order[i] = order[j]!;
    order[j] = swapped;
  }
  return order;
}
