// A dataset with the held-out part of another: what is trained on varies, and all are validated on the same text. Shards are the same
// files under a second name.

import { copyFileSync, linkSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { explainWriteFailure, isPresent, makeFolder } from "../base/files/files.ts";
import { type DatasetManifest, readManifest, writeManifest } from "./manifest.ts";
import { ShardReader } from "./shards.ts";

/**
 * Makes the dataset in `folder`, where it is not there yet. UserErrors: E_HELD_OUT where tokenizers or lengths differ, or where the
 * held-out text stands among what is trained on; those of datasets and of writing.
 */
export function graftHeldOut(training: string, heldOut: string, folder: string): DatasetManifest {
  const { format: _, version: __, hash: ___, ...own } = readManifest(training);
  const other = readManifest(heldOut);
  if (own.tokenizerHash !== other.tokenizerHash || own.sequenceLength !== other.sequenceLength) {
    throw new UserError(
      "E_HELD_OUT",
      `${training} has not the tokenizer and the sequence length of ${heldOut}, whose held-out part is for all`,
      `Prepare it with --tokenizer ${heldOut}/tokenizer.json --sequence-length ${other.sequenceLength}.`,
    );
  }
  if (isPresent(join(folder, "manifest.json"), "dataset")) return readManifest(folder);
  checkLeak(training, heldOut, own, other);
  makeFolder(folder);
  const files = [
    ...own.training.files.map(({ name }) => [training, name] as const),
    ...other.validation.files.map(({ name }) => [heldOut, name] as const),
    [training, "tokenizer.json"] as const,
  ];
  for (const [from, name] of files) linkFile(join(from, name), join(folder, name));
  return writeManifest(folder, { ...own, validation: other.validation });
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

/** Tokens that are looked for together: as long a stretch is no accident. */
const window = 32;
const mostWindows = 4096;
/** More of the windows than this is no quotation. */
const mostShare = 0.02;
const factor = 0x01000193;

/** Looks for the middles of held-out sequences among the training part, by a rolling hash and then token by token. */
function checkLeak(
  training: string,
  heldOut: string,
  own: Pick<DatasetManifest, "training" | "sequenceLength" | "vocabulary">,
  other: DatasetManifest,
): void {
  const { sequenceLength, vocabulary } = own;
  if (sequenceLength < 2 * window) return;
  const wanted = new Map<number, Uint32Array>();
  const start = (sequenceLength - window) >> 1;
  visitShards(new ShardReader(heldOut, other.validation.files, sequenceLength, vocabulary), (tokens, index) => {
    if (index >= mostWindows) return;
    const middle = tokens.slice(start, start + window);
    wanted.set(
      middle.reduce((hash, token) => (Math.imul(hash, factor) + token) | 0, 0),
      middle,
    );
  });
  let oldest = 1;
  for (let i = 1; i < window; i++) oldest = Math.imul(oldest, factor);
  const found = new Set<number>();
  visitShards(new ShardReader(training, own.training.files, sequenceLength, vocabulary), tokens => {
    let hash = 0;
    for (let i = 0; i < tokens.length; i++) {
      if (i >= window) hash = (hash - Math.imul(tokens[i - window]!, oldest)) | 0;
      hash = (Math.imul(hash, factor) + tokens[i]!) | 0;
      const middle = i + 1 < window ? undefined : wanted.get(hash);
      if (middle?.every((token, k) => token === tokens[i + 1 - window + k])) found.add(hash);
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
