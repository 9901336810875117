// The folder where compiled kernels, and what was measured to choose between kernels, are kept from run to run. A file is named by
// the hash of everything that shapes it and by the hash of its content: what was cut or changed is not found, and is made again.
// What stands there is run, so nobody but its owner may write there.

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { findCacheFolder } from "../base/files/cache-folder.ts";
import { contentHash, makeFolder, readWholeFile, writeFully } from "../base/files/files.ts";
import { removeLeftovers } from "../base/files/leftovers.ts";
import { explainWriteFailure } from "../base/files/write-failure.ts";

/** What a kernel's library may take, in bytes. */
const largestFile = 2 ** 30;

/** What lies there is run. UserError E_CACHE. */
export const kernelCacheFolder = (environment?: NodeJS.ProcessEnv): string =>
  join(findCacheFolder(environment), "kernels");

/**
 * The cache's folder, made where it is not there, for its owner alone. One that others could write into is emptied first.
 * UserErrors: E_CACHE for a folder of another user, E_NOT_WRITABLE, E_DISK_FULL.
 */
function openKernelCache(): string {
  const folder = kernelCacheFolder();
  return naming(folder, () => {
    const made = makeFolder(folder);
    const { uid, mode } = statSync(folder);
    const self = process.getuid?.();
    if (self !== undefined && uid !== self) {
      throw new UserError(
        "E_CACHE",
        `${folder}: belongs to another user, who could put there what would be run`,
        "Set CRAM_CACHE to a folder of your own.",
      );
    }
    if (made.length > 0) chmodSync(folder, 0o700);
    else if (self !== undefined && (mode & 0o022) !== 0) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
      chmodSync(folder, 0o700);
    }
    return folder;
  });
}

/** The path of a whole file of this name, or undefined. */
export function findCached(name: string, ending: string): string | undefined {
  const folder = kernelCacheFolder();
  return listVersions(folder, name, ending).find(path => readVersion(path, ending) !== undefined);
}

/** The content of a file of this name, or undefined. */
export function readCached(name: string, ending: string): Buffer | undefined {
  for (const path of listVersions(kernelCacheFolder(), name, ending)) {
    const content = readVersion(path, ending);
    if (content !== undefined) return content;
  }
  return undefined;
}

/**
 * Puts a whole file there and removes others of its name that are not whole. Returns its path. The disk is not waited for: what it loses is
 * made again, as it is not what its name says. UserErrors as openKernelCache.
 */
export function writeCached(name: string, ending: string, content: string | Uint8Array): string {
  const folder = openKernelCache();
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const path = join(folder, `${name}-${contentHash(bytes)}${ending}`);
  const draft = join(folder, `.${randomBytes(8).toString("hex")}.writing`);
  return naming(folder, () => {
    try {
      const file = openSync(draft, "wx", 0o600);
      try {
        writeFully(file, bytes);
      } finally {
        closeSync(file);
      }
      // Whatever made a folder of it, the cache's file goes there.
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) rmSync(path, { recursive: true });
      renameSync(draft, path);
    } catch (error) {
      removeLeftovers(draft);
      throw error;
    }
    for (const other of listVersions(folder, name, ending)) {
      if (other !== path && readVersion(other, ending) === undefined) rmSync(other, { recursive: true, force: true });
    }
    return path;
  });
}

/** The same of a file that is the only one of its name: what is measured anew takes the place of what was measured before. */
export function replaceCached(name: string, ending: string, content: string): void {
  const path = writeCached(name, ending, content);
  for (const other of listVersions(kernelCacheFolder(), name, ending))
    if (other !== path) rmSync(other, { force: true });
}

/** A folder of one's own in the cache, to build in; those that killed builds left more than an hour ago are removed. */
export function makeBuildFolder(): string {
  const folder = openKernelCache();
  return naming(folder, () => {
    const hourAgo = systemClock.date().getTime() - 3_600_000;
    for (const name of readdirSync(folder)) {
      if (!name.startsWith(".")) continue;
      const left = lstatSync(join(folder, name), { throwIfNoEntry: false });
      if (left !== undefined && left.mtimeMs < hourAgo) rmSync(join(folder, name), { recursive: true, force: true });
    }
    return mkdtempSync(join(folder, ".build-"));
  });
}

/** Refusals of the system name the cache and the variable that moves it. */
function naming<T>(folder: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw explainCacheFailure(error, folder);
  }
}

export function explainCacheFailure(error: unknown, folder: string): unknown {
  const explained = error instanceof UserError ? error : explainWriteFailure(error, folder);
  if (!(explained instanceof UserError) || explained.code === "E_CACHE") return explained;
  const { code, message } = explained;
  const advice = "Free some space there, or set CRAM_CACHE to a folder that may be written.";
  return new UserError(code as `E_${string}`, `the cache of kernels: ${message}`, advice, { cause: error });
}

function listVersions(folder: string, name: string, ending: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter(other => other.startsWith(`${name}-`) && other.endsWith(ending))
    .map(other => join(folder, other));
}

/** The bytes, where they are those that the name says. */
function readVersion(path: string, ending: string): Buffer | undefined {
  try {
    const content = readWholeFile(path, "compiled kernel", largestFile);
    return path.endsWith(`-${contentHash(content)}${ending}`) ? content : undefined;
  } catch {
    return undefined;
  }
}
