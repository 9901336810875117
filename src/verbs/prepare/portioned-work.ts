// A dataset made in portions: machines read theirs into the work folder, and once all are read they become the dataset. Locks, kills,
// machines and changed files are met here, whatever the portions hold.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { finishMoves, replaceFiles } from "../../base/files/folder-draft.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { withFolderLock } from "../../base/files/folder-lock.ts";
import { removeLeftovers } from "../../base/files/leftovers.ts";
import { countOf } from "../../base/printable.ts";
import { listPortions, type Portion } from "../../corpus/portions/portion.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { describeShardState } from "../../corpus/sources/sources.ts";
import { datasetNames, keepShardHashes, listDatasetFiles } from "./dataset-folder.ts";
import type { Prepared } from "./dataset-options.ts";
import { holdsWork, listOtherWork, listReaders, openWorkFolder, workFolderOf } from "./stages/work-folder.ts";

/** What a dataset is made of, and how. `Summary` is what is known of a portion that was read. */
export interface PortionedWork<Summary> {
  /** The dataset's. */
  readonly folder: string;
  readonly shards: readonly Shard[];
  /** Of shards that are one portion together. Default: that of `listPortions`. */
  readonly portionBytes?: number;
  /** Names sources and options: work of another key is not gone on with. */
  readonly key: string;
  /** The dataset that stands there, where it was made of the same. */
  findStanding(): Prepared | undefined;
  /** Reads those of these portions that are not read yet; all have their summary then. */
  read(work: string, portions: readonly Portion[]): Promise<Summary[]>;
  isRead(work: string, portion: Portion): boolean;
  /** Writes the dataset of all portions into an empty folder. */
  build(draft: string, work: string, summaries: readonly Summary[]): Promise<Omit<Prepared, "folder">>;
}

/**
 * Makes the dataset, or goes on with it; one that was made of the same is left as it is. Where it `merges`, other machines must have read
 * every portion. UserErrors: E_FOLDER_BUSY where another prepares into that folder, E_PORTIONS_MISSING, E_TEXT_CHANGED.
 */
export function prepareWhole<Summary>(job: PortionedWork<Summary>, merges: boolean): Promise<Prepared> {
  const { folder, shards, portionBytes, key } = job;
  checkOutput(folder, "a dataset", datasetNames);
  return withAllLocks(folder, async () => {
    finishMoves(folder);
    const before = shards.map(describeShardState);
    const standing = job.findStanding();
    if (standing !== undefined) {
      removeLeftovers(workFolderOf(folder));
      return standing;
    }
    const portions = listPortions(shards, portionBytes);
    if (merges) checkRead(job, portions);
    listOtherWork(folder, key).forEach(removeLeftovers);
    const work = openWorkFolder(folder, key);
    try {
      const summaries = await job.read(work, portions);
      const replacement = { own: listDatasetFiles(folder), last: "manifest.json" };
      const built = await replaceFiles(folder, replacement, async draft => {
        const dataset = await job.build(draft, work, summaries);
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

/**
 * Reads the portions of one machine into the work folder, which all share or which are put together afterwards; gives their summaries.
 * UserErrors: E_OUTPUT_OTHER where other sources or options stand there, E_FOLDER_BUSY where another does the same.
 */
export function readShare<Summary>(
  { folder, shards, portionBytes, key, read }: PortionedWork<Summary>,
  { number, of }: MachineShard,
): Promise<Summary[]> {
  checkOutput(folder, "a dataset", datasetNames);
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
    const own = listPortions(shards, portionBytes).filter(({ index }) => index % of === number - 1);
    const summaries = await read(work, own);
    refuseChanged(shards, before);
    return summaries;
  });
}

/** UserError E_PORTIONS_MISSING. */
function checkRead<Summary>({ folder, key, isRead }: PortionedWork<Summary>, portions: readonly Portion[]): void {
  const work = workFolderOf(folder, key);
  const missing = portions.filter(portion => !isRead(work, portion));
  if (missing.length === 0) return;
  const other = listOtherWork(folder, key).filter(holdsWork).length;
  const seen = other > 0 ? "; what else is there is of other sources or options" : "";
  throw new UserError(
    "E_PORTIONS_MISSING",
    `${folder}: ${missing.length} of ${countOf(portions.length, "portion")} ${missing.length === 1 ? "is" : "are"} not read, the first of them that of ${missing[0]!.shards[0]!.path}${seen}`,
    "Run --shard of every machine with the same sources and options, and put their work folders together; without --merge this machine reads what is missing.",
  );
}

/** Where the machine or the hub was at fault and not what was asked for, what is finished stays for the next time. */
const passing: readonly string[] = ["E_DISK_FULL", "E_NOT_WRITABLE", "E_CACHE", "E_HUB", "E_HUB_TOKEN"];

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
