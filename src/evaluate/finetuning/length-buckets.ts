// Batches of examples of about the same length, padded to one of a few lengths, so that a few compiled programs serve a task
// and little of their work is padding. Which batch an example lands in is a function of (seed, epoch) and nothing else.

import { permutation, streams } from "../../base/random.ts";

/** Closer where sequences are short, because texts are: a twelfth of what GLUE's batches of 16 read is padding. */
const bucketLengths = [
  ...[8, 10, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64, 72, 80, 96, 112, 128],
  ...[160, 192, 256, 320, 384, 512],
] as const;

/** Of few texts, for which a program more takes longer than what it saves: half as many. */
const fewBucketLengths = [12, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256, 384, 512] as const;

/** Batches of one window are sorted by length before they are cut: larger windows pad less and mix lengths less. */
const windowBatches = 32;

export interface Batch {
  /** Tokens that every sequence of the batch is padded to. */
  readonly length: number;
  /** Numbers of its examples. */
  readonly members: readonly number[];
}

export interface BatchOptions {
  readonly batchSequences: number;
  readonly maxLength: number;
}

/** The shortest bucket that holds `length` tokens, at most maxLength. */
export const bucketOf = (length: number, maxLength: number): number => findBucket(bucketLengths, length, maxLength);

/** The same of texts that are few. */
export const bucketOfFew = (length: number, maxLength: number): number =>
  findBucket(fewBucketLengths, length, maxLength);

const findBucket = (buckets: readonly number[], length: number, maxLength: number): number =>
  Math.min(buckets.find(bucket => bucket >= length) ?? maxLength, maxLength);

/**
 * One epoch of training: every example once, in full batches in random order; what does not fill the last batch is left out,
 * as in the reference, and is another remainder in each epoch.
 */
export function planTrainingBatches(
  lengths: readonly number[],
  { batchSequences, maxLength, seed, epoch }: BatchOptions & { readonly seed: number; readonly epoch: number },
): Batch[] {
  const count = Math.floor(lengths.length / batchSequences);
  // Two permutations an epoch: of the examples and of their batches.
  const shuffled = permutation(lengths.length, seed, streams.sequenceOrder, 2 * epoch);
  const pool = shuffled.subarray(0, count * batchSequences);
  const batches: Batch[] = [];
  const window = windowBatches * batchSequences;
  for (let start = 0; start < pool.length; start += window) {
    const sorted = Array.from(pool.subarray(start, start + window)).sort((a, b) => lengths[a]! - lengths[b]!);
    batches.push(...cutBatches(sorted, lengths, { batchSequences, maxLength }));
  }
  const order = permutation(batches.length, seed, streams.sequenceOrder, 2 * epoch + 1);
  return Array.from(order, at => batches[at]!);
}

/** Every example once, by length; the last batch may hold fewer. */
export function planEvaluationBatches(lengths: readonly number[], options: BatchOptions): Batch[] {
  const sorted = lengths.map((_, i) => i).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  return cutBatches(sorted, lengths, options);
}

function cutBatches(sorted: readonly number[], lengths: readonly number[], options: BatchOptions): Batch[] {
  const { batchSequences, maxLength } = options;
  const batches: Batch[] = [];
  for (let start = 0; start < sorted.length; start += batchSequences) {
    const members = sorted.slice(start, start + batchSequences);
    batches.push({ length: bucketOf(lengths[members.at(-1)!]!, maxLength), members });
  }
  return batches;
}
