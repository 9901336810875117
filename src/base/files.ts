// Files that are whole or absent: written under a temporary name, synced, renamed. A process killed at any moment leaves
// either the old file or the new one, and a temporary name that the next writer replaces.

import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { UserError } from "./errors.ts";

/**
 * Writes a whole file atomically from parts, in order, and the folders above it. UserErrors: E_DISK_FULL when the disk has no
 * room, E_NOT_WRITABLE where the file cannot be.
 */
export function writeFileAtomically(path: string, parts: string | Uint8Array | Iterable<Uint8Array>): void {
  const temporary = `${path}.writing`;
  makeFolder(dirname(path), path);
  let file: number | undefined;
  try {
    file = openSync(temporary, "w");
    if (typeof parts === "string") writeFully(file, Buffer.from(parts));
    else if (parts instanceof Uint8Array) writeFully(file, parts);
    else for (const part of parts) writeFully(file, part);
    fsyncSync(file);
    closeSync(file);
    file = undefined;
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    if (file !== undefined) closeSync(file);
    rmSync(temporary, { force: true });
    throw explainWriteFailure(error, path);
  }
}

/** Writes every byte of `bytes`, however many calls the system makes of it. */
export function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, 1 << 30));
  }
}

/** Makes a rename in this folder survive a power cut. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * Makes a folder and those above it; `wanted` is what the errors name: E_NOT_WRITABLE, E_DISK_FULL. One by one, because
 * mkdirSync's own recursion never ends where a system answers that there is no such place, as under /proc.
 */
export function makeFolder(folder: string, wanted = folder): void {
  try {
    makeMissingFolders(folder);
  } catch (error) {
    throw explainWriteFailure(error, wanted);
  }
}

function makeMissingFolders(folder: string): void {
  const isFolder = () => statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder()) return;
  if (!existsSync(folder)) makeMissingFolders(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another process may have been faster.
    if (!isFolder()) throw error;
  }
}

/** What the system's refusals mean. */
const refusals: Readonly<Record<string, string>> = {
  EACCES: "not allowed to write here",
  EPERM: "not allowed to write here",
  EROFS: "not allowed to write here",
  EEXIST: "a file stands where a folder should be",
  ENOTDIR: "a file stands where a folder should be",
  EISDIR: "a folder stands where the file should be",
  ELOOP: "links that lead in a circle",
  ENOENT: "no folder can be made there",
  ENAMETOOLONG: "a name that is too long",
};

/** Turns the system's refusal to write into an error a person can act on; passes everything else through. */
export function explainWriteFailure(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new UserError(
      "E_DISK_FULL",
      `${path}: the disk is full; the file was not written and what stood there before is untouched`,
      "Free some space, or choose a folder on another disk, and run the same command again.",
      { cause: error },
    );
  }
  const refusal = code === undefined ? undefined : refusals[code];
  if (refusal === undefined) return error;
  return new UserError("E_NOT_WRITABLE", `${path}: ${refusal} (${code})`, "Choose another folder.", { cause: error });
}

/** Reads a JSON file; a missing or malformed one is a UserError that names it. `kind` says what it should have been. */
export function readJson(path: string, kind: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new UserError("E_FILE_MISSING", `${path}: no ${kind} here`, `Check the path; it should hold a ${kind}.`, {
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError(
      "E_JSON",
      `${path}: not a ${kind}: ${(cause as Error).message}`,
      "The file was changed or cut short after it was written; make it again.",
      { cause },
    );
  }
}

/** The first 16 hexadecimal digits of SHA-256: how files and programs are named after their content. */
export function contentHash(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}
