// Sequences that somebody else cut and tokenized, to a dataset: as they are, one of each block held out.

import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { RandomSequence, streams } from "../base/random.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { writeTokenizer } from "../tokenizer/tokenizer-json.ts";
import { type DatasetManifest, writeManifest } from "./manifest.ts";
import { largestVocabulary, ShardWriter } from "./shards.ts";

export interface GivenSequence {
  readonly ids: unknown;
  /** Where it stands, for messages. */
  readonly origin: string;
}

export interface CopyOptions {
  readonly holdOut: number;
  readonly seed: number;
  readonly originHash: string;
  readonly nameRecipe: (trainingTokens: number) => string;
}

/** Stands in a manifest for the documents of a dataset that has none. */
export const noDocuments = "none";

/**
 * Writes tokenizer.json, shards and manifest.json into an empty folder. UserErrors: E_READY_MADE for sequences of two lengths and
 * for ids that the tokenizer does not have, E_TOO_LITTLE_TEXT, E_DISK_FULL.
 */
export async function copySequences(
  folder: string,
  sequences: AsyncIterable<readonly GivenSequence[]>,
  tokenizer: Tokenizer,
  { holdOut, seed, originHash, nameRecipe }: CopyOptions,
): Promise<DatasetManifest> {
  if (!(holdOut > 0 && holdOut <= 0.5)) {
    throw new UserError("E_OPTION", `holdOut is ${holdOut}`, "Hold out a share above 0 and up to 0.5.");
  }
  const vocabulary = tokenizer.vocabulary.length;
  if (vocabulary > largestVocabulary) {
    throw refuse(`the tokenizer has ${vocabulary} tokens, and a shard holds ids below ${largestVocabulary}`);
  }
  let writers: { training: ShardWriter; validation: ShardWriter } | undefined;
  let [length, count, heldOut] = [0, 0, 0];
  const block = Math.max(2, Math.round(1 / holdOut));
  try {
    for await (const batch of sequences) {
      for (const { ids, origin } of batch) {
        if (!Array.isArray(ids)) throw refuse(`${origin}: no list of ids in the column input_ids`);
        if (writers === undefined) {
          length = ids.length;
          if (length < 2 || length > mostTokens) throw refuse(`${origin}: a sequence of ${length} tokens`);
          const open = (part: "training" | "validation") => new ShardWriter(folder, part, length, vocabulary);
          writers = { training: open("training"), validation: open("validation") };
        }
        if (ids.length !== length) throw refuse(`${origin}: ${ids.length} ids, and ${length} in those before`);
        const wrong = ids.find(id => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
        if (wrong !== undefined) throw refuse(`${origin}: the id ${wrong}, and the tokenizer has ${vocabulary} tokens`);
        if (count % block === 0) heldOut = new RandomSequence(seed, streams.holdOut, count / block).below(block);
        writers[count % block === heldOut ? "validation" : "training"].add(ids as number[]);
        count += 1;
      }
    }
    writers?.training.close();
    writers?.validation.close();
  } catch (error) {
    writers?.training.abandon();
    writers?.validation.abandon();
    throw error;
  }
  if (writers === undefined || writers.training.sequences === 0 || writers.validation.sequences === 0) {
    throw new UserError(
      "E_TOO_LITTLE_TEXT",
      `${count} sequences, of which one in ${block} is held out: one of both parts is empty`,
      "Hold out more, with --hold-out.",
    );
  }
  const { training, validation } = writers;
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
