// A dataset of files that are found already. A folder that was made from the same files with the same options is left as it is.

import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import { finishMoves, replaceFiles } from "../../base/files/folder-draft.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { withFolderLock } from "../../base/files/folder-lock.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { listPortions, type Portion, readPortionSummary } from "../../corpus/portions/portion.ts";
import type { ListOptions, Shard } from "../../corpus/sources/shard.ts";
import { describeShardState, identifyShards } from "../../corpus/sources/sources.ts";
import { writeManifest } from "../../dataset/manifest.ts";
import { type PassedOver, passOver } from "../../tables/passed-over.ts";
import { buildFromText, type OnStage, readText } from "./build-from-text.ts";
import { datasetNames, keepShardHashes, listDatasetFiles, readWholeDataset } from "./dataset-folder.ts";
import type { DatasetOptions, Prepared } from "./dataset-options.ts";
import { createProgress } from "./stages/progress.ts";
import { holdsWork, listOtherWork, listReaders, openWorkFolder, workFolderOf } from "./stages/work-folder.ts";
import { describeText } from "./text-warnings.ts";

/** How files are looked for: what is passed over is written down. */
export const listingOf = ({ strict }: DatasetOptions, passed: PassedOver[]): ListOptions => ({
  tolerant: strict !== true,
  passOver: (reason, path) => passOver(passed, reason, path),
});

/** What names the sources and the options of a dataset; which recipe asks for it, how fast and in what memory changes nothing. */
function describeShaping(options: DatasetOptions) {
  const { threads: _, memoryBytes: __, nameRecipe: ___, tokenizer, evaluationTexts, ...rest } = options;
  return { ...rest, tokenizer: tokenizer?.hash, evaluationTexts: evaluationTexts?.hash };
}

/** What waits in a work folder is other files than in an older one's. */
const workVersion = 2;

/** Names work by what its shards look like from outside: reading all of them to tell them apart would be half of the work. */
function nameWork(shards: readonly Shard[], options: DatasetOptions): string {
  const states = shards.map(shard => [shard.path, shard.identity ?? describeShardState(shard), shard.choice]);
  return contentHash(JSON.stringify([workVersion, states, describeShaping(options)]));
}

const nameOrigin = (files: readonly (readonly [path: string, hash: string])[], options: DatasetOptions): string =>
  contentHash(JSON.stringify([files, describeShaping(options)]));

/** Makes a dataset of files that are found already, or goes on with it. E_FOLDER_BUSY where another prepares into that folder. */
export function prepareSources(
  folder: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  onStage: OnStage = () => {},
  passedOver: PassedOver[] = [],
  merges = false,
): Promise<Prepared> {
  checkOutput(folder, "a dataset", datasetNames);
  return withAllLocks(folder, async () => {
    finishMoves(folder);
    const before = shards.map(describeShardState);
    const manifest = readWholeDataset(folder);
    if (manifest !== undefined && manifest.originHash === nameOrigin(identifyAll(shards, options, onStage), options)) {
      removeLeftovers(workFolderOf(folder));
      // Which recipe asked for it changes nothing else of the dataset.
      const recipe = options.nameRecipe(manifest.training.sequences * manifest.sequenceLength);
      const renamed = manifest.recipe === recipe ? manifest : writeManifest(folder, { ...manifest, recipe });
      return { folder, manifest: renamed, documents: undefined, warnings: describeText(manifest, options) };
    }
    const key = nameWork(shards, options);
    const portions = listPortions(shards);
    if (merges) checkFinished(folder, key, portions);
    listOtherWork(folder, key).forEach(removeLeftovers);
    const work = openWorkFolder(folder, key);
    try {
      const summaries = await readText(work, shards, portions, options, onStage);
      const files = summaries.flatMap(({ shards }) =>
        shards.flatMap(({ path, hash }) => (hash === undefined ? [] : [[path, hash] as const])),
      );
      const replacement = { own: listDatasetFiles(folder), last: "manifest.json" };
      const built = await replaceFiles(folder, replacement, async draft => {
        const origin = nameOrigin(files, options);
        const dataset = await buildFromText(draft, work, shards, summaries, origin, options, onStage, passedOver);
        refuseChanged(shards, before);
        return dataset;
      });
      keepShardHashes(folder, built.manifest);
      removeLeftovers(workFolderOf(folder));
      return { ...built, folder };
    } catch (error) {
      throw endWork(folder, error);
    }
  });
}

/** While nobody else writes the dataset, and no machine reads a share of any work there. */
function withAllLocks<T>(folder: string, use: () => Promise<T>): Promise<T> {
  const take = ([first, ...rest]: readonly string[]): Promise<T> =>
    first === undefined ? use() : withFolderLock(first, "prepare", () => take(rest));
  return withFolderLock(folder, "prepare", () => take(listReaders(folder)));
}

/** Of the whole work what one of `of` machines does: every portion whose turn it is. */
export interface MachineShard {
  /** From 1 on. */
  readonly number: number;
  readonly of: number;
}

export interface PreparedShard {
  readonly folder: string;
  readonly portions: number;
  readonly documents: { readonly read: number; readonly kept: number };
}

/**
 * Reads the portions of one machine into the work folder, which all share or which are put together afterwards. UserErrors:
 * E_OUTPUT_OTHER where other sources or options stand there, E_FOLDER_BUSY where another does the same.
 */
export async function prepareShard(
  folder: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  { number, of }: MachineShard,
  onStage: OnStage,
): Promise<PreparedShard> {
  checkOutput(folder, "a dataset", datasetNames);
  const key = nameWork(shards, options);
  const other = listOtherWork(folder, key).find(holdsWork);
  if (other !== undefined) {
    throw new UserError(
      "E_OUTPUT_OTHER",
      `${other}: what was read there is of other sources or options`,
      "Give every machine the same sources and options; remove that folder to begin anew.",
    );
  }
  const work = openWorkFolder(folder, key);
  return withFolderLock(join(work, `shard-${number}-of-${of}`), "prepare", async () => {
    const before = shards.map(describeShardState);
    const own = listPortions(shards).filter(({ index }) => index % of === number - 1);
    const summaries = await readText(work, shards, own, options, onStage);
    refuseChanged(shards, before);
    const count = (amount: "read" | "kept") => summaries.reduce((sum, { funnel }) => sum + funnel[amount].documents, 0);
    return { folder, portions: own.length, documents: { read: count("read"), kept: count("kept") } };
  });
}

/** UserError E_PORTIONS_MISSING. */
function checkFinished(folder: string, key: string, portions: readonly Portion[]): void {
  const work = workFolderOf(folder, key);
  const missing = portions.filter(({ index }) => readPortionSummary(work, index) === undefined);
  if (missing.length === 0) return;
  const other = listOtherWork(folder, key).filter(holdsWork).length;
  const seen = other > 0 ? "; what else is there is of other sources or options" : "";
  throw new UserError(
    "E_PORTIONS_MISSING",
    `${folder}: ${missing.length} of ${portions.length} portions are not read, the first of them that of ${missing[0]!.shards[0]!.path}${seen}`,
    "Run --shard of every machine with the same sources and options, and put their work folders together; without --merge this machine reads what is missing.",
  );
}

function identifyAll(shards: readonly Shard[], options: DatasetOptions, onStage: OnStage) {
  const total = shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const describe = createProgress("looking for changes", systemClock, total, "bytes");
  let done = 0;
  return shards.flatMap(shard => {
    const identified = identifyShards([shard], listingOf(options, []));
    onStage(describe((done += shard.bytes)));
    return identified.map(({ shard, hash }) => [shard.path, hash] as const);
  });
}

/** Where the machine was at fault and not what was asked for, what is finished stays for the next time. */
const passing: readonly string[] = ["E_DISK_FULL", "E_NOT_WRITABLE"];

function endWork(folder: string, error: unknown): unknown {
  const isKept = holdsWork(workFolderOf(folder)) && (!(error instanceof UserError) || passing.includes(error.code));
  if (!isKept) removeLeftovers(workFolderOf(folder));
  if (!isKept || !(error instanceof UserError)) return error;
  const advice = `${error.advice} What is finished stays in ${workFolderOf(folder)}, and the same command goes on from there.`;
  return new UserError(error.code as `E_${string}`, error.message, advice, { cause: error });
}

/** UserError E_TEXT_CHANGED: what was hashed may be another text than what was read. */
function refuseChanged(shards: readonly Shard[], before: readonly string[]): void {
  const changed = shards.findIndex((shard, i) => describeShardState(shard) !== before[i]);
  if (changed < 0) return;
  const shard = shards[changed]!;
  throw new UserError(
    "E_TEXT_CHANGED",
    `${shard.path}: was changed while it was read: ${before[changed]}, now ${describeShardState(shard)}`,
    "Wait until nobody writes it, and run the same command again.",
  );
}
