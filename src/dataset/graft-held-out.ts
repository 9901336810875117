// A dataset with the held-out part of another: what is trained on varies, and all are validated on the same text. Shards are the same
// files under a second name.

import { copyFileSync, linkSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { explainWriteFailure, isPresent, makeFolder } from "../base/files/files.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import { type DatasetManifest, readManifest, writeManifest } from "./manifest.ts";
import { ShardReader } from "./shards.ts";

export interface Grafted {
  readonly manifest: DatasetManifest;
  /** Documents or sequences are too short to tell whether the held-out text stands among what is trained on. */
  readonly isUnchecked: boolean;
}

/**
 * Makes the dataset in `folder`, where it is not there yet; without one it is only checked, and the manifest is that of `training`.
 * UserErrors: E_HELD_OUT where tokenizers or lengths differ, or where the held-out text stands among what is trained on; those of
 * datasets and of writing.
 */
export function graftHeldOut(training: string, heldOut: string, folder: string | undefined): Grafted {
  const manifest = readManifest(training);
  const { format: _, version: __, hash: ___, ...own } = manifest;
  const other = readManifest(heldOut);
  if (own.tokenizerHash !== other.tokenizerHash || own.sequenceLength !== other.sequenceLength) {
    throw new UserError(
      "E_HELD_OUT",
      `${training} has not the tokenizer and the sequence length of ${heldOut}, whose held-out part is for all`,
      `Prepare it with --tokenizer ${heldOut}/tokenizer.json --sequence-length ${other.sequenceLength}.`,
    );
  }
  const sought = seekStretches(heldOut, other);
  const isUnchecked = sought === undefined;
  if (folder !== undefined && isPresent(join(folder, "manifest.json"), "dataset")) {
    return { manifest: readManifest(folder), isUnchecked };
  }
  if (sought !== undefined) checkLeak(training, manifest, heldOut, sought);
  if (folder === undefined) return { manifest, isUnchecked };
  makeFolder(folder);
  const files = [
    ...own.training.files.map(({ name }) => [training, name] as const),
    ...other.validation.files.map(({ name }) => [heldOut, name] as const),
    [training, "tokenizer.json"] as const,
  ];
  for (const [from, name] of files) linkFile(join(from, name), join(folder, name));
  return { manifest: writeManifest(folder, { ...own, validation: other.validation }), isUnchecked };
}

/** A second name where the file system has them, else a copy; another worker may have made it at this moment. */
function linkFile(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    try {
      copyFileSync(from, to);
    } catch (failure) {
      throw explainWriteFailure(failure, to);
    }
  }
}

/** Tokens that are looked for together, the longest first, and how many of the held-out sequences may have them by accident. */
const stretches = [
  { tokens: 32, mostShare: 0.02 },
  // Of disjoint texts, 300 and 8,192 tokens: up to 1.5 % of Wikipedia's and none of a web sample's, of 28 half as many.
  { tokens: 16, mostShare: 0.04 },
] as const;
const mostSequences = 4096;
const factor = 0x01000193;

/** Of held-out sequences, each a stretch of one document, by its hash. */
interface Sought {
  readonly tokens: number;
  readonly mostShare: number;
  readonly wanted: ReadonlyMap<number, Uint32Array>;
}

/**
 * The longest stretches that half of the held-out sequences have in one document: what a stretch of two is trained on elsewhere
 * depends on which follow each other. Undefined where documents or sequences are too short for any.
 */
function seekStretches(
  folder: string,
  { validation, sequenceLength, vocabulary }: DatasetManifest,
): Sought | undefined {
  const { classify, separator } = readTokenizer(join(folder, "tokenizer.json")).specials;
  const runs: Uint32Array[] = [];
  visitShards(new ShardReader(folder, validation.files, sequenceLength, vocabulary), (sequence, index) => {
    if (index >= mostSequences) return;
    let longest = sequence.subarray(0, 0);
    let start = 0;
    for (let i = 0; i <= sequence.length; i++) {
      if (i < sequence.length && sequence[i] !== classify && sequence[i] !== separator) continue;
      if (i - start > longest.length) longest = sequence.subarray(start, i);
      start = i + 1;
    }
    runs.push(longest.slice());
  });
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

/** Looks for them in the training part, by a rolling hash and then token by token, also where a sequence ends and goes on in the next. */
function checkLeak(training: string, manifest: DatasetManifest, heldOut: string, sought: Sought): void {
  const { tokens: length, mostShare, wanted } = sought;
  const { sequenceLength, vocabulary } = manifest;
  let oldest = 1;
  for (let i = 1; i < length; i++) oldest = Math.imul(oldest, factor);
  const found = new Set<number>();
  // The last tokens of the sequences before, and the sequence.
  const stream = new Uint32Array(length + sequenceLength);
  let filled = 0;
  let hash = 0;
  visitShards(new ShardReader(training, manifest.training.files, sequenceLength, vocabulary), sequence => {
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
    `${training}: ${found.size} of ${wanted.size} held-out sequences of ${heldOut} stand in what is trained on`,
    "Prepare both from text without the held-out documents: keep these in a file of their own.",
  );
}

function visitShards(shards: ShardReader, see: (tokens: Uint32Array, index: number) => void): void {
  try {
    shards.visit(see);
  } finally {
    shards.close();
  }
}
