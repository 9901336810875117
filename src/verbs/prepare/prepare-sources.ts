// A dataset of the text of files that are found already. A folder that was made from the same files with the same options is left as it is.

import { systemClock } from "../../base/clock.ts";
import { contentHash } from "../../base/files/files.ts";
import type { BoundedThread } from "../../base/threads/bounded-worker.ts";
import { type PortionSummary, readPortionSummary, textPortionBytes } from "../../corpus/portions/portion.ts";
import type { ListOptions, Shard } from "../../corpus/sources/shard.ts";
import { describeShardState, identifyShards } from "../../corpus/sources/sources.ts";
import { writeManifest } from "../../dataset/manifest.ts";
import { type PassedOver, passOver } from "../../tables/passed-over.ts";
import { keepsSpaces } from "../../tokenizer/encoding/pre-tokenizer.ts";
import { normalisers } from "../../tokenizer/normalising/normaliser.ts";
import { buildFromText, encodesInPortions, type OnStage, readText } from "./build-from-text.ts";
import { readWholeDataset } from "./dataset-folder.ts";
import type { DatasetOptions, Prepared, PreparedShard } from "./dataset-options.ts";
import { type MachineShard, type PortionedWork, prepareWhole, readShare } from "./portioned-work.ts";
import { createProgress } from "./stages/progress.ts";
import { makeThreads } from "./stages/read-portions.ts";
import { describeText } from "./text-warnings.ts";

/** How files are looked for: what is passed over is written down. */
export const listingOf = ({ strict }: DatasetOptions, passed: PassedOver[]): ListOptions => ({
  tolerant: strict !== true,
  passOver: (reason, path) => passOver(passed, reason, path),
});

/** What names the sources and the options of a dataset; which recipe asks for it, how fast and in what memory changes nothing. */
function describeShaping(options: DatasetOptions) {
  const { threads: _, memoryBytes: __, nameRecipe: ___, tokenizer, evaluationTexts, ...rest } = options;
  const { normaliser, preTokenizer } = rest;
  // Until ideographs were together there, the same options made another dataset.
  const isOther =
    tokenizer === undefined && keepsSpaces(preTokenizer) && normalisers[normaliser].some(({ step }) => step === "bert");
  return {
    ...rest,
    ...(isOther && { ideographs: "together" }),
    tokenizer: tokenizer?.hash,
    evaluationTexts: evaluationTexts?.hash,
  };
}

/** What waits in a work folder is other files than in an older one's. */
const workVersion = 5;

/** Names work by what its shards look like from outside: reading all of them to tell them apart would be half of the work. */
function nameWork(shards: readonly Shard[], options: DatasetOptions): string {
  const states = shards.map(shard => [shard.path, shard.identity ?? describeShardState(shard), shard.choice]);
  return contentHash(JSON.stringify([workVersion, states, describeShaping(options)]));
}

const nameOrigin = (files: readonly (readonly [path: string, hash: string])[], options: DatasetOptions): string =>
  contentHash(JSON.stringify([files, describeShaping(options)]));

/**
 * Makes a dataset of files that are found already, or goes on with it; where it `merges`, of what other machines have read. UserErrors:
 * those of `prepareWhole`, of reading and of building.
 */
export async function prepareSources(
  folder: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  onStage: OnStage = () => {},
  passedOver: PassedOver[] = [],
  merges = false,
): Promise<Prepared> {
  return withThreads(options, threads =>
    prepareWhole(describeWork(folder, shards, options, threads, onStage, passedOver), merges),
  );
}

/** Reads the portions of one machine. UserErrors: those of `readShare` and of reading. */
export async function prepareShard(
  folder: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  machine: MachineShard,
  onStage: OnStage,
): Promise<PreparedShard> {
  const summaries = await withThreads(options, threads =>
    readShare(describeWork(folder, shards, options, threads, onStage, []), machine),
  );
  const count = (amount: "read" | "kept") => summaries.reduce((sum, { funnel }) => sum + funnel[amount].documents, 0);
  return { folder, portions: summaries.length, documents: { read: count("read"), kept: count("kept") } };
}

async function withThreads<T>(
  { threads }: DatasetOptions,
  use: (threads: readonly BoundedThread[]) => Promise<T>,
): Promise<T> {
  const others = makeThreads(threads);
  try {
    return await use(others);
  } finally {
    await Promise.all(others.map(thread => thread.close()));
  }
}

function describeWork(
  folder: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  threads: readonly BoundedThread[],
  onStage: OnStage,
  passedOver: readonly PassedOver[],
): PortionedWork<PortionSummary> {
  return {
    ...{ folder, shards, portionBytes: textPortionBytes, key: nameWork(shards, options) },
    findStanding: () => {
      const manifest = readWholeDataset(folder);
      if (manifest === undefined) return undefined;
      if (manifest.originHash !== nameOrigin(identifyAll(shards, options, onStage), options)) return undefined;
      // Which recipe asked for it changes nothing else of the dataset.
      const recipe = options.nameRecipe(manifest.training.sequences * manifest.sequenceLength);
      const renamed = manifest.recipe === recipe ? manifest : writeManifest(folder, { ...manifest, recipe });
      return { folder, manifest: renamed, documents: undefined, warnings: describeText(manifest, options) };
    },
    read: async (work, portions) => {
      const summaries = await readText(work, shards, portions, options, threads, onStage);
      // One of them will pack, where nothing that takes memory comes before.
      const packs = encodesInPortions(shards, options) && options.nearDuplicates === undefined;
      await Promise.all(threads.slice(packs ? 1 : 0).map(thread => thread.close()));
      return summaries;
    },
    isRead: (work, { index }) => readPortionSummary(work, index) !== undefined,
    build: (draft, work, summaries) => {
      const files = summaries.flatMap(({ shards }) =>
        shards.flatMap(({ path, hash }) => (hash === undefined ? [] : [[path, hash] as const])),
      );
      const origin = nameOrigin(files, options);
      return buildFromText(draft, work, shards, summaries, origin, options, threads, onStage, passedOver);
    },
  };
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
