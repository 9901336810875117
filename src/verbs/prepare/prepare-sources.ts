// A dataset of files that are found already. A folder that was made from the same files with the same options is left as it is.

import { UserError } from "../../base/errors.ts";
import { contentHash } from "../../base/files/files.ts";
import { finishMoves, replaceFiles } from "../../base/files/folder-draft.ts";
import { checkOutput } from "../../base/files/folder-kind.ts";
import { withFolderLock } from "../../base/files/folder-lock.ts";
import type { ListOptions, Shard } from "../../corpus/sources/shard.ts";
import { describeShardState, identifyShards } from "../../corpus/sources/sources.ts";
import { writeManifest } from "../../dataset/manifest.ts";
import { type PassedOver, passOver } from "../../tables/passed-over.ts";
import { buildFromText } from "./build-from-text.ts";
import { datasetNames, listDatasetFiles, readWholeDataset } from "./dataset-folder.ts";
import type { DatasetOptions, Prepared } from "./dataset-options.ts";
import { describeText } from "./text-warnings.ts";

/** How files are looked for: what is passed over is written down. */
export const listingOf = ({ strict }: DatasetOptions, passed: PassedOver[]): ListOptions => ({
  tolerant: strict !== true,
  passOver: (reason, path) => passOver(passed, reason, path),
});

/** Makes a dataset of files that are found already. E_FOLDER_BUSY where another prepares into that folder. */
export function prepareSources(
  folder: string,
  shards: readonly Shard[],
  options: DatasetOptions,
  showProgress: (what: string) => void = () => {},
  passedOver: PassedOver[] = [],
): Promise<Prepared> {
  checkOutput(folder, "a dataset", datasetNames);
  return withFolderLock(folder, "prepare", async () => {
    finishMoves(folder);
    const { threads: _, nameRecipe, tokenizer, evaluationTexts, ...rest } = options;
    const shaping = { ...rest, tokenizer: tokenizer?.hash, evaluationTexts: evaluationTexts?.hash };
    showProgress("looking for changes");
    const before = shards.map(describeShardState);
    const identified = identifyShards(shards, listingOf(options, passedOver));
    const files = identified.map(({ shard, hash }) => [shard.path, hash]);
    const originHash = contentHash(JSON.stringify([files, shaping]));
    const manifest = readWholeDataset(folder);
    if (manifest?.originHash === originHash) {
      // Which recipe asked for it changes nothing else of the dataset.
      const recipe = nameRecipe(manifest.training.sequences * manifest.sequenceLength);
      const renamed = manifest.recipe === recipe ? manifest : writeManifest(folder, { ...manifest, recipe });
      return { folder, manifest: renamed, documents: undefined, warnings: describeText(manifest, options) };
    }
    const replacement = { own: listDatasetFiles(folder), last: "manifest.json" };
    const built = await replaceFiles(folder, replacement, async draft => {
      const read = identified.map(({ shard }) => shard);
      const dataset = await buildFromText(draft, read, originHash, options, showProgress, passedOver);
      refuseChanged(shards, before);
      return dataset;
    });
    return { ...built, folder };
  });
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
