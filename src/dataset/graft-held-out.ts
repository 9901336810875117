// A dataset with the held-out part of another: what is trained on varies, and all are validated on the same text. Shards are the same
// files under a second name.

import { copyFileSync, linkSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { isPresent, makeFolder } from "../base/files/files.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";
import { readTokenizer } from "../tokenizer/read-tokenizer.ts";
import { checkLeak, seekStretches } from "./leak.ts";
import { type DatasetManifest, readManifest, writeManifest } from "./manifest.ts";
import { ShardReader, visitShards } from "./shards.ts";

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
  const sought = seekStretches(readLongest(heldOut, other));
  const isUnchecked = sought === undefined;
  if (folder !== undefined && isPresent(join(folder, "manifest.json"), "dataset")) {
    return { manifest: readManifest(folder), isUnchecked };
  }
  if (sought !== undefined) checkLeak(training, manifest, sought, `held-out sequences of ${heldOut}`);
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

const mostSequences = 4096;

/** Of each held-out sequence the longest run of one document: what a stretch of two is trained on elsewhere depends on which follow. */
function readLongest(
  folder: string,
  { validation, sequenceLength, vocabulary }: DatasetManifest,
): readonly Uint32Array[] {
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
  return runs;
}
