// A dataset's folder as prepare meets it: which files there are its own, whether they are whole, and which of the named text is
// its own output.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { UserError } from "../../base/errors.ts";
import { findChangedFile } from "../../base/files/checksums.ts";
import { isShard } from "../../base/files/folder-kind.ts";
import { KeptHashes } from "../../base/files/kept-hashes.ts";
import { listChecksums, readDocumentsManifest } from "../../corpus/documents.ts";
import type { Shard } from "../../corpus/sources/shard.ts";
import { noDocuments } from "../../dataset/copy-sequences.ts";
import { Dataset } from "../../dataset/dataset.ts";
import { type DatasetManifest, readManifest } from "../../dataset/manifest.ts";

/** Files that every dataset has. */
export const datasetNames: readonly string[] = [
  ...["manifest.json", "tokenizer.json", "training-00000.bin", "validation-00000.bin"],
  ...["documents/manifest.json", "documents/documents-00000.jsonl"],
];

/**
 * The files of the dataset there, by their paths in the folder: those of its manifests; where one cannot be read, those that look
 * like its. Others are somebody else's, whatever their names.
 */
export function listDatasetFiles(folder: string): string[] {
  const manifest = tryReading(() => readManifest(folder));
  const names = list(folder);
  const shards =
    manifest === undefined
      ? names.filter(name => isShard(join(folder, name)))
      : [...manifest.training.files, ...manifest.validation.files].map(({ name }) => name);
  const isDataset = manifest !== undefined || shards.length > 0;
  return [
    ...(isDataset ? ["manifest.json", "tokenizer.json", ...shards] : []),
    ...listDocumentsFiles(join(folder, "documents"), isDataset).map(name => `documents/${name}`),
    ...names.filter(name => /^(training|validation)-\d{5}\.bin\.writing$/.test(name)),
  ].filter(path => existsSync(join(folder, path)));
}

function listDocumentsFiles(folder: string, isDataset: boolean): string[] {
  const names = list(folder);
  const manifest = tryReading(() => readDocumentsManifest(folder));
  if (manifest !== undefined) return ["manifest.json", ...manifest.files.map(({ name }) => name)];
  if (!isDataset) return [];
  return names.filter(name => /^documents-\d{5,}\.jsonl(\.writing)?$|^manifest\.json$/.test(name));
}

/** The dataset's manifest where every file of it is what it says, documents included; reads them all. */
export function readWholeDataset(folder: string): DatasetManifest | undefined {
  return tryReading(() => {
    const dataset = new Dataset(folder);
    try {
      dataset.verify();
    } finally {
      dataset.close();
    }
    if (dataset.manifest.documentsHash === noDocuments) return dataset.manifest;
    const documents = readDocumentsManifest(join(folder, "documents"));
    const changed = findChangedFile(join(folder, "documents"), listChecksums(documents)) !== undefined;
    return changed || documents.hash !== dataset.manifest.documentsHash ? undefined : dataset.manifest;
  });
}

/** Has a training that comes next read none of the shards that were just written there, each with its hash. */
export function keepShardHashes(folder: string, { training, validation }: DatasetManifest): void {
  const kept = new KeptHashes(folder);
  for (const { name, sha256 } of [...training.files, ...validation.files]) kept.keep(name, sha256);
  kept.save();
}

const real = (path: string) => (existsSync(path) ? realpathSync.native(path) : path);

/** A test whether a path is a file of the dataset in a folder, or what writing it leaves there; by what stands there now. */
export function knowOwnFiles(folder: string): (path: string) => boolean {
  const own = new Set(listDatasetFiles(folder).map(path => real(join(folder, path))));
  const folders = [folder, join(folder, "documents")].map(real);
  return path => own.has(real(path)) || (basename(path).startsWith(".cram-") && folders.includes(real(dirname(path))));
}

/**
 * Leaves the dataset's own files out of what was found in folders above it. UserError E_OUTPUT_OVERLAP where they are what was
 * asked for: they would be replaced.
 */
export function leaveOutOwnFiles(shards: readonly Shard[], texts: readonly string[], folder: string): Shard[] {
  const knows = knowOwnFiles(folder);
  const isOwn = ({ path }: Shard) => knows(path);
  const others = shards.filter(shard => !isOwn(shard));
  const asked =
    shards.find(shard => shard.named && isOwn(shard))?.path ??
    texts.find(
      text => real(text).startsWith(real(folder) + sep) && shards.some(shard => isOwn(shard) && isBelow(shard, text)),
    );
  if (asked === undefined && (others.length > 0 || shards.length === 0)) return others;
  throw new UserError(
    "E_OUTPUT_OVERLAP",
    `${asked ?? texts.join(", ")}: belongs to the dataset in ${folder}, which would be replaced`,
    "Choose another folder with --out.",
  );
}

const isBelow = ({ place }: Shard, text: string) => place.startsWith(realpathSync.native(text) + sep);

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Undefined where what is read is damaged or not there. */
function tryReading<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
