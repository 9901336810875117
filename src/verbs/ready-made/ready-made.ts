// Sets that were tokenized already, as the reference's on the hub: sequences of ids in parquet files with the tokenizer beside
// them. They become a dataset as they are; there is no text to choose from, so what chooses text is refused.

import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import { finishMoves, replaceFiles } from "../../base/files/folder-draft.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { withFolderLock } from "../../base/files/folder-lock.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { findTokenizerOf, identifyShards, listShards, openShard } from "../../corpus/sources/sources.ts";
import { copySequences, type GivenSequence } from "../../dataset/copy-sequences.ts";
import { openTable, tableFormat } from "../../tables/table.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import type { Recipe } from "../../train/recipe.ts";
import { datasetNames, keepShardHashes, listDatasetFiles, readWholeDataset } from "../prepare/dataset-folder.ts";
import type { Prepared } from "../prepare/dataset-options.ts";
import { recommendRecipe } from "../prepare/next-pretrain.ts";
import { createProgress, type StageProgress } from "../prepare/stages/progress.ts";
import { chooseRecipe } from "../recipe.ts";

/** Of preparing: what is read of it. Other choices are looked for by their names, and refused. */
export interface ReadyMadeOptions {
  readonly texts: readonly string[];
  readonly out: string;
  readonly recipe?: string | Recipe | undefined;
  readonly holdOut?: number | undefined;
  readonly seed?: number | undefined;
  readonly onStage: (progress: StageProgress) => void;
}

export interface ReadyMade {
  /** Where its tokenizer.json lies on this machine. */
  readonly tokenizer: string;
  readonly shards: readonly Shard[];
}

const column = "input_ids";

/** The set that a single source is, where it is one. UserErrors: those of the source. */
export async function findReadyMade(texts: readonly string[]): Promise<ReadyMade | undefined> {
  const tokenizer = texts.length === 1 ? await findTokenizerOf(texts[0]!) : undefined;
  if (tokenizer === undefined) return undefined;
  const shards = (await listShards(texts)).filter(({ path }) => tableFormat(path) === "parquet");
  if (shards.length === 0) return undefined;
  const sequences = readSequences(shards.slice(0, 1));
  const { value } = await sequences.next();
  await sequences.return(undefined);
  return Array.isArray(value?.[0]?.ids) ? { tokenizer, shards } : undefined;
}

async function* readSequences(
  shards: readonly Shard[],
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<GivenSequence[]> {
  let bytes = 0;
  for (const shard of shards) {
    for await (const rows of openTable(shard.path, { file: openShard(shard), columns: [column] }).rows) {
      yield rows.map(({ values, origin }) => ({ ids: values[column], origin }));
    }
    bytes += shard.bytes;
    onBytes(bytes);
  }
}

/** What is decided for such a set already. */
const decided = [
  ...["vocabulary", "alphabetLimit", "tokenizer", "normaliser", "preTokenizer", "tokenizerKind", "sequenceLength"],
  ...[
    "format",
    "documentSeparator",
    "removeWhitespace",
    "skipBroken",
    "strict",
    "maxTokensPerCharacter",
    "nearDuplicates",
  ],
  ...["repeatedBytes", "filters", "decontaminate"],
] as const;

/** Makes a dataset of it. UserErrors: E_OPTION, E_READY_MADE, E_TOKENIZER_UNSUPPORTED, E_TOO_LITTLE_TEXT, those of the source. */
export function prepareReadyMade({ tokenizer: path, shards }: ReadyMade, options: ReadyMadeOptions): Promise<Prepared> {
  const { texts, out, holdOut = 0.01, seed = 0, onStage } = options;
  const given = options as object as Readonly<Record<string, unknown>>;
  const isGiven = (name: string) => given[name] !== undefined && (given[name] as { length?: number }).length !== 0;
  const refused = decided.filter(isGiven);
  if (refused.length > 0) {
    throw new UserError(
      "E_OPTION",
      `${refused.join(", ")} beside ${texts[0]}: it was tokenized already, and has no text`,
      "Leave these out.",
    );
  }
  const tokenizer = readTokenizer(path);
  const { name } = chooseRecipe({ recipe: options.recipe ?? "crammed-bert" });
  const nameRecipe = options.recipe === undefined ? recommendRecipe : () => name;
  checkOutput(out, "a dataset", datasetNames);
  return withFolderLock(out, "prepare", async () => {
    finishMoves(out);
    const files = identifyShards(shards, {}).map(({ shard, hash }) => [shard.path, hash]);
    const originHash = contentHash(JSON.stringify([files, tokenizer.hash, holdOut, seed]));
    const before = readWholeDataset(out);
    if (before?.originHash === originHash) return { folder: out, manifest: before, documents: undefined, warnings: [] };
    const replacement = { own: listDatasetFiles(out), last: "manifest.json" };
    const total = shards.reduce((sum, { bytes }) => sum + bytes, 0);
    const describe = createProgress("copying sequences", systemClock, total, "bytes");
    const sequences = readSequences(shards, bytes => onStage(describe(bytes)));
    const manifest = await replaceFiles(out, replacement, draft =>
      copySequences(draft, sequences, tokenizer, { holdOut, seed, originHash, nameRecipe }),
    );
    keepShardHashes(out, manifest);
    return { folder: out, manifest, documents: undefined, isReadyMade: true, warnings: [] };
  });
}
