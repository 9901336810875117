// Whether held-out text stands among what is trained on, asked of the tokens: a stretch from the middle of each run of held-out ones
// is looked for in the training part, across the ends of sequences too.

import { UserError } from "../base/errors.ts";
import type { DatasetManifest } from "./manifest.ts";
import { ShardReader, visitShards } from "./shards.ts";

/** Tokens that are looked for together, the longest first, and how many of the runs may have them by accident. */
const stretches = [
  // Of 376 articles of Wikipedia beside 27,000 others, 1.1 % have 64 in common with one, 2.1 % have 32: they are made by form.
  { tokens: 64, mostShare: 0.02 },
  { tokens: 32, mostShare: 0.03 },
  // Of disjoint texts, 300 and 8,192 tokens: up to 1.5 % of Wikipedia's and none of a web sample's, of 28 half as many.
  { tokens: 16, mostShare: 0.04 },
] as const;
const factor = 0x01000193;

/** A stretch of each run, by its hash. */
export interface Sought {
  readonly tokens: number;
  readonly mostShare: number;
  readonly wanted: ReadonlyMap<number, Uint32Array>;
}

/** The longest stretches that half of the runs have, each a run of one document; undefined where they are too short for any. */
export function seekStretches(runs: readonly Uint32Array[]): Sought | undefined {
  for (const { tokens, mostShare } of stretches) {
    const long = runs.filter(({ length }) => length >= tokens);
    if (long.length < runs.length / 2) continue;
    const wanted = long.map(run => {
      const middle = run.subarray((run.length - tokens) >> 1).subarray(0, tokens);
      return [middle.reduce((hash, token) => (Math.imul(hash, factor) + token) | 0, 0), middle] as const;
    });
    return { tokens, mostShare, wanted: new Map(wanted) };
  }
  return undefined;
}

/**
 * Looks for them in the training part, by a rolling hash and then token by token, also where a sequence ends and goes on in the next.
 * UserError E_HELD_OUT with the name of `runs` where more are found than are by accident; those of datasets.
 */
export function checkLeak(folder: string, manifest: DatasetManifest, sought: Sought, runs: string): void {
  const { tokens: length, mostShare, wanted } = sought;
  const { sequenceLength, vocabulary } = manifest;
  let oldest = 1;
  for (let i = 1; i < length; i++) oldest = Math.imul(oldest, factor);
  const found = new Set<number>();
  // The last tokens of the sequences before, and the sequence.
  const stream = new Uint32Array(length + sequenceLength);
  let filled = 0;
  let hash = 0;
  visitShards(new ShardReader(folder, manifest.training.files, sequenceLength, vocabulary), sequence => {
    const kept = Math.min(length, filled);
    stream.copyWithin(0, filled - kept, filled);
    stream.set(sequence, kept);
    filled = kept + sequence.length;
    for (let i = kept; i < filled; i++) {
      if (i >= length) hash = (hash - Math.imul(stream[i - length]!, oldest)) | 0;
      hash = (Math.imul(hash, factor) + stream[i]!) | 0;
      const middle = i + 1 < length ? undefined : wanted.get(hash);
      if (middle?.every((token, k) => token === stream[i + 1 - length + k])) found.add(hash);
    }
  });
  if (found.size <= mostShare * wanted.size) return;
  throw new UserError(
    "E_HELD_OUT",
    `${folder}: ${found.size} of ${wanted.size} ${runs} stand in what is trained on`,
    "Prepare both from text without the held-out documents: keep these in a file of their own.",
  );
}
