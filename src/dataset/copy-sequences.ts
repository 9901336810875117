// Sequences that somebody else cut and tokenized, to a dataset: as they are, one of each block held out. They are copied portion by portion
// into shards of this format, which several machines may do. The shards for training then only get other names: a dataset as large as the
// disk's free room can be made.

import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { UserError } from "../base/errors.ts";
import { shareFile } from "../base/files/share-file.ts";
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

/** The sequences of a portion, in shards. */
export interface CopiedSequences {
  /** Tokens of each; 0 where there are none. */
  readonly length: number;
  readonly training: readonly ShardFile[];
  readonly validation: readonly ShardFile[];
}

export interface CopyOptions {
  /** The portion's number. */
  readonly number: number;
  readonly holdOut: number;
  readonly seed: number;
  /** Where the tokenizer is from, for messages. */
  readonly tokenizerPath: string;
}

const parts = ["training", "validation"] as const;

export const countCopied = ({ training, validation }: CopiedSequences): number =>
  [...training, ...validation].reduce((sum, { sequences }) => sum + sequences, 0);

/**
 * Writes the sequences of a portion as they are into shards of its number. Which are held out depends on nothing but number, share and seed.
 * UserErrors: E_READY_MADE for sequences of two lengths and for ids that the tokenizer does not have, E_DISK_FULL, E_NOT_WRITABLE.
 */
export async function copySequences(
  folder: string,
  sequences: AsyncIterable<readonly GivenSequence[]>,
  tokenizer: Tokenizer,
  { number, holdOut, seed, tokenizerPath }: CopyOptions,
): Promise<CopiedSequences> {
  const vocabulary = tokenizer.vocabulary.length;
  if (vocabulary > largestVocabulary) {
    throw refuse(`${tokenizerPath} has ${vocabulary} tokens, and a shard holds ids below ${largestVocabulary}`);
  }
  const block = blockOf(holdOut);
  let writers: Readonly<Record<(typeof parts)[number], ShardWriter>> | undefined;
  let [length, count, heldOut] = [0, 0, 0];
  try {
    for await (const batch of sequences) {
      for (const { ids, origin } of batch) {
        if (!Array.isArray(ids)) throw refuse(`${origin}: no list of ids in the column input_ids`);
        if (writers === undefined) {
          length = ids.length;
          if (length < 2 || length > mostTokens) throw refuse(`${origin}: a sequence of ${countOf(length, "token")}`);
          const open = (part: string) =>
            new ShardWriter(folder, `${part}-${String(number).padStart(6, "0")}`, length, vocabulary);
          writers = { training: open("training"), validation: open("validation") };
        }
        if (ids.length !== length) throw refuseLength(origin, ids.length, length);
        const wrong = ids.find(id => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
        if (wrong !== undefined)
          throw refuse(`${origin}: the id ${wrong}, and ${tokenizerPath} has ${vocabulary} tokens`);
        if (count % block === 0) {
          heldOut = new RandomSequence(seed, streams.holdOut, number * 2 ** 32 + count / block).below(block);
        }
        writers[count % block === heldOut ? "validation" : "training"].add(ids as number[]);
        count += 1;
      }
    }
    for (const part of parts) writers?.[part].close();
  } catch (error) {
    for (const part of parts) writers?.[part].abandon();
    throw error;
  }
  return { length, training: writers?.training.files ?? [], validation: writers?.validation.files ?? [] };
}

/** One of so many sequences is held out. */
const blockOf = (holdOut: number): number => Math.max(2, Math.round(1 / holdOut));

export interface JoinOptions {
  readonly holdOut: number;
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
  { holdOut, originHash, nameRecipe, onProgress }: JoinOptions,
): Promise<DatasetManifest> {
  const vocabulary = tokenizer.vocabulary.length;
  const filled = copies.filter(({ length }) => length > 0);
  const length = filled[0]?.length ?? 0;
  const other = filled.find(copy => copy.length !== length);
  if (other !== undefined) throw refuseLength(other.origin, other.length, length);
  const training: ShardFile[] = [];
  const validation = new ShardWriter(folder, "validation", length, vocabulary);
  let count = 0;
  try {
    for (const copied of filled) {
      for (const file of copied.training) {
        const name = `training-${String(training.length).padStart(5, "0")}.bin`;
        shareFile(join(from, file.name), join(folder, name));
        training.push({ ...file, name });
      }
      // A hundredth of all: a file for each portion would be many small ones.
      const reader = new ShardReader(from, copied.validation, length, vocabulary);
      try {
        reader.visit(ids => validation.add(ids));
      } finally {
        reader.close();
      }
      onProgress((count += countCopied(copied)));
      await setImmediate();
    }
    validation.close();
  } catch (error) {
    validation.abandon();
    throw error;
  }
  const trained = training.reduce((sum, { sequences }) => sum + sequences, 0);
  if (trained === 0 || validation.sequences === 0) {
    throw new UserError(
      "E_TOO_LITTLE_TEXT",
      `${countOf(count, "sequence")}, of which one in ${blockOf(holdOut)} is held out: one of both parts is empty`,
      // One of each block of two goes into either part.
      count < 2 || holdOut >= 0.5
        ? "Add more sequences."
        : "Hold out more, as with --hold-out 0.5, or add more sequences.",
    );
  }
  writeTokenizer(join(folder, "tokenizer.json"), tokenizer);
  return writeManifest(folder, {
    tokenizerHash: tokenizer.hash,
    documentsHash: noDocuments,
    originHash,
    recipe: nameRecipe(trained * length),
    vocabulary,
    sequenceLength: length,
    training: { sequences: trained, files: training },
    validation: { sequences: validation.sequences, files: validation.files },
  });
}

const mostTokens = 1 << 16;

const refuse = (seen: string): UserError =>
  new UserError("E_READY_MADE", seen, "It is not a set that was made for training as it is; prepare its text instead.");

const refuseLength = (origin: string, seen: number, before: number): UserError =>
  refuse(`${origin}: ${seen} ids, and ${before} in those before`);
