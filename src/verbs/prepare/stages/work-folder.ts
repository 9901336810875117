// Where prepare keeps what is finished of a dataset that is not: portions, the documents, the tokenizer, ids. It lies hidden in the
// dataset's folder, under the name of the sources and options that it is of; the same command goes on from there.

import { basename, join } from "node:path";
import { listFolder, makeFolder } from "../../../base/files/files.ts";

/** The folder of all work, or of that of a key: of sources and options. */
export const workFolderOf = (folder: string, key = ""): string => join(folder, ".cram-work", key);

/** Makes the work folder, or finds it as it was left. UserErrors: E_NOT_WRITABLE, E_DISK_FULL. */
export function openWorkFolder(folder: string, key: string): string {
  const work = workFolderOf(folder, key);
  makeFolder(work);
  return work;
}

const listFolders = (folder: string): string[] =>
  listFolder(folder, "folder of work").flatMap(entry => (entry.isDirectory() ? [join(folder, entry.name)] : []));

/** Work there of other sources or options. */
export const listOtherWork = (folder: string, key: string): string[] =>
  listFolders(workFolderOf(folder)).filter(work => work !== workFolderOf(folder, key));

/** The folders that machines lock while they read a share of some work there. */
export const listReaders = (folder: string): string[] =>
  listFolders(workFolderOf(folder))
    .flatMap(listFolders)
    .filter(path => /^shard-\d+-of-\d+$/.test(basename(path)));

/** Whether anything is finished in a folder of work, or in one of several. */
export const holdsWork = (work: string): boolean =>
  listFolder(work, "folder of work").some(({ name }) => /^portion-\d+\.json$/.test(name)) ||
  listFolders(work).some(holdsWork);
