// The folder where compiled kernels, and what was measured to choose between kernels, are kept from run to run. Files are
// whole or absent, and named by the hash of everything that shapes them, so one that stands there is right.

import { renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { explainWriteFailure, makeFolder, readWholeFile } from "../base/files.ts";

/** CRAM_CACHE, else the user's cache folder. */
export function kernelCacheFolder(): string {
  const base = process.env.CRAM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cramming");
  return join(base, "kernels");
}

/** The content of a file of the cache, or undefined. */
export function readCached(path: string): Buffer | undefined {
  try {
    return readWholeFile(path, "compiled kernel");
  } catch {
    return undefined;
  }
}

/** Puts a whole file there; of two processes that do, the last one stays. UserErrors E_NOT_WRITABLE, E_DISK_FULL. */
export function writeCached(path: string, content: string | Uint8Array): void {
  makeFolder(dirname(path), path);
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, content);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw explainWriteFailure(error, path);
  }
}
