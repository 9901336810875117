// A repository of the hub into a folder. Every file is compared with the hash that the hub lists and stands under its name only
// when it is whole; one that is there already and the same is not fetched again.

import { createReadStream, lstatSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { UserError } from "../base/errors.ts";
import { FileDraft, makeFolder } from "../base/files/files.ts";
import { checkOutput } from "../base/files/folder-kind.ts";
import { withFolderLock } from "../base/files/folder-lock.ts";
import { explainReadFailure, lookAt } from "../base/files/read-failure.ts";
import { hasty, type Patience } from "../base/patience.ts";
import { readRemoteBytes } from "./file-bytes.ts";
import type { Hub } from "./hub.ts";
import type { OnBytes } from "./push.ts";
import { listRemoteFiles, openContentHash, type RemoteFile } from "./remote-files.ts";

export interface PullOptions {
  /** "user/name" */
  readonly repository: string;
  /** A branch, a tag or a commit. Default main. */
  readonly revision?: string | undefined;
  readonly folder: string;
  /** Called while files that are missing are fetched. */
  readonly onBytes?: OnBytes;
  readonly patience?: Patience;
}

/**
 * Returns the paths below the folder. Files of a model that stand there are replaced, other files of the same names are not.
 * Errors: E_HUB, E_HUB_TOKEN, E_OUTPUT_OTHER, E_FOLDER_BUSY, E_NOT_WRITABLE, E_DISK_FULL.
 */
export async function pullRepository(
  hub: Hub,
  { repository: name, revision = "main", folder, onBytes, patience = hasty }: PullOptions,
): Promise<string[]> {
  const repository = { kind: "models", repository: name, revision } as const;
  const files = (await listRemoteFiles(hub, repository, "", patience)).filter(({ path }) => !isHidden(path));
  const targetOf = ({ path }: RemoteFile) => join(folder, ...path.split("/"));
  const missing: RemoteFile[] = [];
  for (const file of files) if (!(await isSame(targetOf(file), file))) missing.push(file);
  const names = missing.map(({ path }) => path);
  checkOutput(folder, "a model", names);
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  return withFolderLock(folder, "pull", async () => {
    for (const file of missing) {
      const target = targetOf(file);
      makeFolder(dirname(target), target);
      refuseLinks(folder, dirname(target), file.path);
      const bytes = readRemoteBytes({ hub, repository, file, start: 0, end: file.size, patience });
      await store(target, file, bytes, count => {
        done += count;
        onBytes?.({ doing: "fetching", path: file.path, done, total });
      });
    }
    return files.map(({ path }) => path);
  });
}

/** A model has no file that is hidden, and a folder with others' programs and hooks in it may be the one that is pulled into. */
const isHidden = (path: string) =>
  path.split("/").some(part => part.startsWith(".") || part.toLowerCase() === "node_modules");

/** A link that stands in the folder leads nowhere that a file is written to. */
function refuseLinks(folder: string, place: string, path: string): void {
  if (realpathSync(place) === join(realpathSync(folder), relative(folder, place))) return;
  throw new UserError(
    "E_HUB",
    `${path}: a link stands in its way, which leads out of the folder`,
    "Pull into a new folder.",
  );
}

async function isSame(target: string, file: RemoteFile): Promise<boolean> {
  const stats = lookAt(target, lstatSync);
  if (!stats?.isFile() || stats.size !== file.size) return false;
  const hash = openContentHash(file);
  try {
    for await (const part of createReadStream(target, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  } catch (error) {
    throw explainReadFailure(error, target, "file of the repository");
  }
  return hash.digest("hex") === (file.lfs ?? file).oid;
}

async function store(
  target: string,
  file: RemoteFile,
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const hash = openContentHash(file);
  const draft = new FileDraft(target);
  try {
    for await (const part of bytes) {
      hash.update(part);
      draft.write(part);
      onBytes(part.length);
    }
    if (hash.digest("hex") !== (file.lfs ?? file).oid) {
      throw new UserError("E_HUB", `${file.path}: came changed or cut short`, "Pull it again.");
    }
    draft.commit();
  } catch (error) {
    draft.abandon();
    throw error;
  }
}
