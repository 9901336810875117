// Encoded documents to a dataset on disk: pack, write shards of both parts, write the manifest last.

import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { makeFolder } from "../base/files/files.ts";
import { countOf } from "../base/printable.ts";
import type { EncodedDocuments } from "../tokenizer/encoding/encode-batch.ts";
import type { TextLoss } from "../tokenizer/normalising/lost-text.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { writeTokenizer } from "../tokenizer/tokenizer-json.ts";
import { type DatasetManifest, writeManifest } from "./manifest.ts";
import { Packer, sequencesPerPiece } from "./pack.ts";
import { type PackingSettings, plainPacking } from "./packings.ts";
import { largestVocabulary, ShardWriter } from "./shards.ts";

/** What says which sequences come of ids. Plain data. */
export interface PackSettings {
  readonly sequenceLength: number;
  readonly holdOut: number;
  readonly seed: number;
  /** Default: `plainPacking`. */
  readonly packing?: PackingSettings | undefined;
}

/** Of the tokenizer: how many tokens it has, and which of them stand around documents. Plain data. */
export type PackTokenizer = Pick<Tokenizer, "specials"> & {
  readonly vocabulary: Pick<Tokenizer["vocabulary"], "length">;
};

/** Sequences that are packed, before anything says what they are of. Plain data. */
export interface PackedDocuments {
  readonly training: Pick<ShardWriter, "sequences" | "files">;
  readonly validation: Pick<ShardWriter, "sequences" | "files">;
  readonly documents: number;
  readonly tokens: number;
  readonly unknownTokens: number;
  /** Tokens in no sequence. */
  readonly leftOver: number;
  /** Documents of which some is held out, and some is not. */
  readonly splitDocuments: number;
}

export interface BuildOptions extends PackSettings {
  readonly documentsHash: string;
  readonly originHash: string;
  /** Name of the recipe that it is for, by the tokens to train on. */
  readonly nameRecipe?: ((trainingTokens: number) => string) | undefined;
  /** What normalising lost of the documents. */
  readonly loss: TextLoss;
  /** What of the text that was read is not in these documents, and why, in words for messages. */
  readonly taken?: readonly string[] | undefined;
}

/**
 * Writes the shards of a dataset into `folder`, in place of a dataset that stands there, and tells how many documents are packed.
 * UserErrors: E_VOCABULARY_LARGE, E_DISK_FULL.
 */
export async function* packDocuments(
  folder: string,
  encoded: AsyncIterable<EncodedDocuments>,
  { vocabulary: { length: vocabulary }, specials }: PackTokenizer,
  { sequenceLength, holdOut, seed, packing = plainPacking }: PackSettings,
): AsyncGenerator<number, PackedDocuments> {
  if (vocabulary > largestVocabulary) {
    throw new UserError(
      "E_VOCABULARY_LARGE",
      `the tokenizer has ${vocabulary} tokens, and a shard holds ids below ${largestVocabulary}`,
      "Learn a smaller vocabulary.",
    );
  }
  removeDataset(folder);
  const writers = {
    training: new ShardWriter(folder, "training", sequenceLength, vocabulary),
    validation: new ShardWriter(folder, "validation", sequenceLength, vocabulary),
  };
  const { classify, separator } = specials;
  const packer = new Packer(
    {
      ...{ sequenceLength, holdOut, seed, packing: packing.name },
      ...(packing.classify && { classify }),
      ...(packing.separator && { separator }),
    },
    (part, row) => writers[part].add(row),
  );
  let [documents, tokens, unknown] = [0, 0, 0];
  try {
    for await (const { ids, lengths, unknownTokens } of encoded) {
      let start = 0;
      for (const length of lengths) {
        packer.addDocument(ids.subarray(start, start + length));
        start += length;
      }
      unknown += unknownTokens;
      tokens += ids.length;
      documents += lengths.length;
      yield documents;
    }
    const leftOver = packer.finish();
    const [training, validation] = [writers.training.close(), writers.validation.close()];
    const { splitDocuments } = packer;
    return { training, validation, documents, tokens, unknownTokens: unknown, leftOver, splitDocuments };
  } finally {
    writers.training.abandon();
    writers.validation.abandon();
  }
}

/**
 * Writes tokenizer.json and manifest.json to the shards. UserError E_TOO_LITTLE_TEXT when a part is empty.
 */
export function finishDataset(
  folder: string,
  { training, validation, documents, tokens, unknownTokens, leftOver }: PackedDocuments,
  tokenizer: Tokenizer,
  options: BuildOptions,
): DatasetManifest {
  const { sequenceLength, taken = [], packing = plainPacking } = options;
  if (training.sequences === 0 || validation.sequences === 0) {
    throw new UserError(
      "E_TOO_LITTLE_TEXT",
      `${countOf(documents, "document")}${taken.length > 0 ? ` (${taken.join(", ")} left out)` : ""} ` +
        `${documents === 1 ? "gives" : "give"} ${countOf(training.sequences, "sequence")} of ` +
        `${countOf(sequenceLength, "token")} for training and ${validation.sequences} held out`,
      adviseOnLittleText(documents, tokens, options),
    );
  }
  writeTokenizer(join(folder, "tokenizer.json"), tokenizer);
  return writeManifest(folder, {
    tokenizerHash: tokenizer.hash,
    documentsHash: options.documentsHash,
    originHash: options.originHash,
    ...(options.nameRecipe !== undefined && { recipe: options.nameRecipe(training.sequences * sequenceLength) }),
    vocabulary: tokenizer.vocabulary.length,
    sequenceLength,
    training,
    validation,
    packing: { ...packing, leftOver },
    text: { ...options.loss, tokens, unknownTokens },
  });
}

/** How both parts would get a sequence. A document is held out whole unless it is longer than 64 sequences. */
function adviseOnLittleText(documents: number, tokens: number, { sequenceLength, holdOut }: BuildOptions): string {
  if (documents === 0) return "No document was kept: name other text, or drop less of it.";
  const pieceTokens = sequencesPerPiece * sequenceLength;
  // The last stretch of a document counts where it fills a sequence.
  const pieces = Math.max(documents, Math.floor((tokens - sequenceLength) / pieceTokens) + 1);
  if (documents === 1 && tokens > 2 * sequenceLength && pieces < 2) {
    return (
      `It is one document, of which stretches of ${sequencesPerPiece} sequences are held out; a shorter one is not split: ` +
      "--document-separator blank-line makes one of each paragraph, and line one of each line."
    );
  }
  // Both parts get one with half of the text held out at most; twice as much is likely to do.
  const share = Math.min(0.5, Math.max(2 / pieces, (2 * sequenceLength) / tokens));
  if (pieces < 2 || tokens < 4 * sequenceLength || share <= holdOut)
    return "Add more text, or use a shorter --sequence-length.";
  return `Hold out more, with --hold-out ${(Math.ceil(100 * share) / 100).toString()}, or add more text.`;
}

/** Removes the files of an older dataset, its manifest first, and nothing else. */
function removeDataset(folder: string): void {
  makeFolder(folder);
  rmSync(join(folder, "manifest.json"), { force: true });
  for (const name of readdirSync(folder)) {
    if (/^(training|validation)-\d{5}\.bin(\.writing)?$/.test(name)) rmSync(join(folder, name));
  }
}
