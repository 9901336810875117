// Sets that were tokenized already, as the reference's on the hub: sequences of ids in parquet or Arrow files with the tokenizer beside
// them. They become a dataset as they are; there is no text to choose from, so what chooses text is refused.

import { z } from "zod";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { findChangedFile } from "../../base/files/checksums.ts";
import { contentHash, readJson, writeFileAtomically } from "../../base/files/files.ts";
import { isSealed, sealFile } from "../../base/files/sealed-file.ts";
import { type Portion, portionFile } from "../../corpus/portions/portion.ts";
import type { FoundTokenizer } from "../../corpus/sources/scheme.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import {
  describeShardState,
  findTokenizerOf,
  identifyShards,
  limitShards,
  listShards,
  openShard,
} from "../../corpus/sources/sources.ts";
import {
  type CopyOptions,
  copySequences,
  countCopied,
  type GivenSequence,
  joinSequences,
} from "../../dataset/copy-sequences.ts";
import { readTokenizerFile } from "../../pretrained/text-reader.ts";
import { isColumnar, openTable, tableFormat } from "../../tables/table.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Recipe } from "../../train/recipe.ts";
import { readWholeDataset } from "../prepare/dataset-folder.ts";
import { checkHoldOut, type Prepared, type PreparedShard } from "../prepare/dataset-options.ts";
import { nameOption } from "../prepare/name-option.ts";
import { recommendRecipe } from "../prepare/next-pretrain.ts";
import { type MachineShard, type PortionedWork, prepareWhole, readShare } from "../prepare/portioned-work.ts";
import { createProgress, type StageProgress } from "../prepare/stages/progress.ts";
import { chooseRecipe } from "../recipe.ts";

/** Of preparing: what is read of it. Other choices are looked for by their names, and refused. */
export interface ReadyMadeOptions {
  readonly texts: readonly string[];
  readonly out: string;
  readonly recipe?: string | Recipe | undefined;
  readonly limitBytes?: number | undefined;
  readonly holdOut?: number | undefined;
  readonly seed?: number | undefined;
  readonly onStage: (progress: StageProgress) => void;
}

interface SoughtSet {
  readonly texts: readonly string[];
  readonly textField?: string | undefined;
}

export interface ReadyMade {
  readonly tokenizer: FoundTokenizer;
  readonly shards: readonly Shard[];
}

const column = "input_ids";

/**
 * The set that a single source is, where it is one. A tokenizer may stand above texts, so what of these cannot be read is left to who reads
 * texts. UserErrors: E_OPTION, those of the source.
 */
export async function findReadyMade({ texts, textField = "text" }: SoughtSet): Promise<ReadyMade | undefined> {
  // Who names the field of a text means the text.
  const tokenizer = texts.length === 1 && textField === "text" ? await findTokenizerOf(texts[0]!) : undefined;
  if (tokenizer === undefined) return undefined;
  const isOfColumns = ({ path }: Shard) => isColumnar(tableFormat(path));
  const first = (await listShards(texts, { tolerant: true })).find(isOfColumns);
  if (first === undefined || !(await holdsIds(first, tokenizer))) return undefined;
  return { tokenizer, shards: (await listShards(texts)).filter(isOfColumns) };
}

async function holdsIds(shard: Shard, { isAbove }: FoundTokenizer): Promise<boolean> {
  const sequences = readSequences([shard]);
  try {
    const { value } = await sequences.next();
    return Array.isArray(value?.[0]?.ids);
  } catch (error) {
    if (isAbove && error instanceof UserError) return false;
    throw error;
  } finally {
    await sequences.return(undefined);
  }
}

/** The sequences of shards in their order; `onBytes` is told of each shard that is done. */
export async function* readSequences(
  shards: readonly Shard[],
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<GivenSequence[]> {
  for (const shard of shards) {
    for await (const rows of openTable(shard.path, { file: openShard(shard), columns: [column] }).rows) {
      yield rows.map(({ values, origin }) => ({ ids: values[column], origin }));
    }
    onBytes(shard.bytes);
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
  ...["repeatedBytes", "filters", "decontaminate", "packing", "classify"],
] as const;

/**
 * Makes a dataset of it; where it `merges`, of what other machines have copied. UserErrors: E_OPTION, E_READY_MADE,
 * E_TOKENIZER_UNSUPPORTED, E_TOO_LITTLE_TEXT, those of `prepareWhole` and of the source.
 */
export async function prepareReadyMade(set: ReadyMade, options: ReadyMadeOptions, merges = false): Promise<Prepared> {
  return prepareWhole(describeWork(set, options), merges);
}

/** Copies what is one machine's. UserErrors: E_OPTION, E_READY_MADE, E_TOKENIZER_UNSUPPORTED, those of `readShare` and of the source. */
export async function prepareReadyMadeShard(
  set: ReadyMade,
  options: ReadyMadeOptions,
  machine: MachineShard,
): Promise<PreparedShard> {
  const summaries = await readShare(describeWork(set, options), machine);
  const sequences = summaries.reduce((sum, summary) => sum + countCopied(summary), 0);
  return { folder: options.out, portions: summaries.length, sequences };
}

const fileSchema = z.object({ name: z.string(), sequences: z.number(), bytes: z.number(), sha256: z.string() });
/** What is known of a portion that was copied; its sequences lie in shards beside it. */
const summarySchema = z.object({
  shards: z.array(z.object({ path: z.string(), hash: z.string() })),
  length: z.number(),
  training: z.array(fileSchema),
  validation: z.array(fileSchema),
});
type CopiedPortion = z.infer<typeof summarySchema>;

/** What is done of it, whichever machine does it. UserErrors: E_OPTION, E_TOKENIZER_UNSUPPORTED. */
export function describeWork(set: ReadyMade, options: ReadyMadeOptions) {
  const { texts, out: folder, limitBytes, seed = 0, onStage } = options;
  refuseDecided(texts[0]!, options as object as Readonly<Record<string, unknown>>);
  const holdOut = checkHoldOut(options.holdOut);
  const tokenizer = readTokenizerFile(set.tokenizer.path, set.tokenizer.settings);
  const { name } = chooseRecipe({ recipe: options.recipe ?? "crammed-bert" });
  const nameRecipe = options.recipe === undefined ? recommendRecipe : () => name;
  const { path, isAbove } = set.tokenizer;
  const warnings: string[] = isAbove ? [`The ids are read by ${path}, which stands above ${texts[0]}.`] : [];
  const shards = limitShards(set.shards, limitBytes, { note: what => void warnings.push(what) });
  const states = shards.map(shard => [shard.path, shard.identity ?? describeShardState(shard)]);
  const nameOrigin = (files: readonly (readonly [path: string, hash: string])[]) =>
    contentHash(JSON.stringify([files, tokenizer.hash, holdOut, seed]));
  const work: PortionedWork<CopiedPortion> = {
    ...{ folder, shards },
    key: contentHash(JSON.stringify(["sequences in two parts", states, tokenizer.hash, holdOut, seed])),
    findStanding: () => {
      const manifest = readWholeDataset(folder);
      if (manifest === undefined) return undefined;
      const files = identifyShards(shards, {}).map(({ shard, hash }) => [shard.path, hash] as const);
      if (manifest.originHash !== nameOrigin(files)) return undefined;
      return { folder, manifest, documents: undefined, warnings };
    },
    read: (work, portions) => copyPortions(work, portions, tokenizer, { holdOut, seed, tokenizerPath: path }, onStage),
    isRead: (work, { index }) => readCopied(work, index) !== undefined,
    build: async (draft, work, summaries) => {
      const files = summaries.flatMap(({ shards }) => shards.map(({ path, hash }) => [path, hash] as const));
      const total = summaries.reduce((sum, summary) => sum + countCopied(summary), 0);
      const describe = createProgress("joining sequences", systemClock, total, "sequences");
      const copies = summaries.map(({ shards, ...copied }) => ({ ...copied, origin: shards[0]!.path }));
      const manifest = await joinSequences(draft, work, copies, tokenizer, {
        ...{ holdOut, originHash: nameOrigin(files), nameRecipe },
        onProgress: sequences => onStage(describe(sequences)),
      });
      return { manifest, documents: undefined, isReadyMade: true, warnings };
    },
  };
  return { ...work, vocabulary: tokenizer.vocabulary.length, warnings };
}

/** UserError E_OPTION. */
function refuseDecided(text: string, given: Readonly<Record<string, unknown>>): void {
  const isGiven = (name: string) =>
    given[name] !== undefined && given[name] !== false && (given[name] as { length?: number }).length !== 0;
  const refused = [...decided.filter(isGiven), ...(given.separator === false ? ["separator"] : [])];
  if (refused.length === 0) return;
  throw new UserError(
    "E_OPTION",
    `${refused.map(nameOption).join(", ")} beside ${text}: it was tokenized already, and has no text`,
    "Leave these out.",
  );
}

/** Copies the portions that are not copied yet. */
async function copyPortions(
  work: string,
  portions: readonly Portion[],
  tokenizer: Tokenizer,
  parting: Omit<CopyOptions, "number">,
  onStage: (progress: StageProgress) => void,
): Promise<CopiedPortion[]> {
  const total = portions.flatMap(({ shards }) => shards).reduce((sum, { bytes }) => sum + bytes, 0);
  const describe = createProgress("copying sequences", systemClock, total, "bytes");
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    onStage(describe(done));
  };
  const summaries: CopiedPortion[] = [];
  for (const { index, shards } of portions) {
    let summary = findCopied(work, index);
    if (summary === undefined) {
      const identified = identifyShards(shards, {}).map(({ shard, hash }) => ({ path: shard.path, hash }));
      const sequences = readSequences(shards, onBytes);
      const copied = await copySequences(work, sequences, tokenizer, { ...parting, number: index });
      summary = { shards: identified, ...copied, training: [...copied.training], validation: [...copied.validation] };
      const path = portionFile(work, index, "json");
      writeFileAtomically(path, JSON.stringify(summary));
      sealFile(path);
    } else onBytes(shards.reduce((sum, { bytes }) => sum + bytes, 0));
    summaries.push(summary);
  }
  return summaries;
}

function readCopied(work: string, index: number): CopiedPortion | undefined {
  const path = portionFile(work, index, "json");
  if (!isSealed(path)) return undefined;
  return summarySchema.safeParse(readJson(path, "summary of a portion")).data;
}

/** The same where its shards are what they were, too; reads them. */
function findCopied(work: string, index: number): CopiedPortion | undefined {
  const summary = readCopied(work, index);
  if (summary === undefined) return undefined;
  const checksums = Object.fromEntries(
    [...summary.training, ...summary.validation].map(({ name, sha256 }) => [name, sha256]),
  );
  return findChangedFile(work, checksums) === undefined ? summary : undefined;
}
