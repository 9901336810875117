// Sequences that somebody else cut and tokenized, to a dataset: as they are, one of each block held out. They are copied piece by piece into
// shards of this format, which several machines may do, and the pieces are then joined in their order.

import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { UserError } from "../base/errors.ts";
import { countOf } from "../base/printable.ts";
import { RandomSequence, streams } from "../base/random.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { writeTokenizer } from "../tokenizer/tokenizer-json.ts";
import { type DatasetManifest, writeManifest } from "./manifest.ts";
import { largestVocabulary, type ShardFile, ShardReader, ShardWriter } from "./shards.ts";

export interface GivenSequence {
  readonly ids: unknown;
  /** Where it stands, for messages. */
  readonly origin: string;
}

/** Sequences in shards. */
export interface CopiedSequences {
  /** Tokens of each; 0 where there are none. */
  readonly length: number;
  readonly files: readonly ShardFile[];
}

export const countCopied = ({ files }: CopiedSequences): number =>
  files.reduce((sum, { sequences }) => sum + sequences, 0);

/**
 * Writes sequences as they are into shards of this name. UserErrors: E_READY_MADE for sequences of two lengths and for ids that the
 * tokenizer does not have, E_DISK_FULL, E_NOT_WRITABLE.
 */
export async function copySequences(
  folder: string,
  name: string,
  sequences: AsyncIterable<readonly GivenSequence[]>,
  tokenizer: Tokenizer,
): Promise<CopiedSequences> {
  const vocabulary = tokenizer.vocabulary.length;
  if (vocabulary > largestVocabulary) {
    throw refuse(`the tokenizer has ${vocabulary} tokens, and a shard holds ids below ${largestVocabulary}`);
  }
  let writer: ShardWriter | undefined;
  let length = 0;
  try {
    for await (const batch of sequences) {
      for (const { ids, origin } of batch) {
        if (!Array.isArray(ids)) throw refuse(`${origin}: no list of ids in the column input_ids`);
        if (writer === undefined) {
          length = ids.length;
          if (length < 2 || length > mostTokens) throw refuse(`${origin}: a sequence of ${countOf(length, "token")}`);
          writer = new ShardWriter(folder, name, length, vocabulary);
        }
        if (ids.length !== length) throw refuseLength(origin, ids.length, length);
        const wrong = ids.find(id => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
        if (wrong !== undefined) throw refuse(`${origin}: the id ${wrong}, and the tokenizer has ${vocabulary} tokens`);
        writer.add(ids as number[]);
      }
    }
    writer?.close();
  } catch (error) {
    writer?.abandon();
    throw error;
  }
  return { length, files: writer?.files ?? [] };
}

export interface JoinOptions {
  readonly holdOut: number;
  readonly seed: number;
  readonly originHash: string;
  readonly nameRecipe: (trainingTokens: number) => string;
  /** Told how many sequences are done. */
  readonly onProgress: (sequences: number) => void;
}

/** Stands in a manifest for the documents of a dataset that has none. */
export const noDocuments = "none";

/**
 * Writes tokenizer.json, shards and manifest.json into an empty folder, of sequences that were copied into the folder `from`. UserErrors:
 * E_READY_MADE for sequences of two lengths, E_TOO_LITTLE_TEXT, E_DISK_FULL.
 */
export async function joinSequences(
  folder: string,
  from: string,
  copies: readonly (CopiedSequences & { readonly origin: string })[],
  tokenizer: Tokenizer,
  { holdOut, seed, originHash, nameRecipe, onProgress }: JoinOptions,
): Promise<DatasetManifest> {
  const vocabulary = tokenizer.vocabulary.length;
  const filled = copies.filter(({ length }) => length > 0);
  const length = filled[0]?.length ?? 0;
  const other = filled.find(copy => copy.length !== length);
  if (other !== undefined) throw refuseLength(other.origin, other.length, length);
  const open = (part: "training" | "validation") => new ShardWriter(folder, part, length, vocabulary);
  const writers = { training: open("training"), validation: open("validation") };
  const block = Math.max(2, Math.round(1 / holdOut));
  let [count, heldOut] = [0, 0];
  try {
    for (const { files } of filled) {
      const reader = new ShardReader(from, files, length, vocabulary);
      try {
        reader.visit(ids => {
          if (count % block === 0) heldOut = new RandomSequence(seed, streams.holdOut, count / block).below(block);
          writers[count % block === heldOut ? "validation" : "training"].add(ids);
          count += 1;
        });
      } finally {
        reader.close();
      }
      onProgress(count);
      await setImmediate();
    }
    writers.training.close();
    writers.validation.close();
  } catch (error) {
    writers.training.abandon();
    writers.validation.abandon();
    throw error;
  }
  const { training, validation } = writers;
  if (training.sequences === 0 || validation.sequences === 0) {
    throw new UserError(
      "E_TOO_LITTLE_TEXT",
      `${countOf(count, "sequence")}, of which one in ${block} is held out: one of both parts is empty`,
      "Hold out more, with --hold-out.",
    );
  }
  writeTokenizer(join(folder, "tokenizer.json"), tokenizer);
  return writeManifest(folder, {
    tokenizerHash: tokenizer.hash,
    documentsHash: noDocuments,
    originHash,
    recipe: nameRecipe(training.sequences * length),
    vocabulary,
    sequenceLength: length,
    training: { sequences: training.sequences, files: training.files },
    validation: { sequences: validation.sequences, files: validation.files },
  });
}

const mostTokens = 1 << 16;

const refuse = (seen: string): UserError =>
  new UserError("E_READY_MADE", seen, "It is not a set that was made for training as it is; prepare its text instead.");

const refuseLength = (origin: string, seen: number, before: number): UserError =>
  refuse(`${origin}: ${seen} ids, and ${before} in those before`);
