// What the system says when a text cannot be read, turned into an error a person can act on. It lists and reads the files
// of others, so every refusal of the system is about the file, never a bug.

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { UserError } from "../base/errors.ts";

/** Explains a failed system call on `path`: E_TEXT_MISSING or E_TEXT_UNREADABLE; passes everything else through. */
function explainReadFailure(error: unknown, path: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new UserError(
      "E_TEXT_MISSING",
      `${path}: no such file or folder`,
      "Check the path: it may be misspelt, a link that leads nowhere, or removed since the folder was listed.",
      { cause: error },
    );
  }
  if (code === "EACCES" || code === "EPERM") {
    return new UserError(
      "E_TEXT_UNREADABLE",
      `${path}: not allowed to read this (${code})`,
      "Give yourself the right to read it and the folders above it, or leave it out.",
      { cause: error },
    );
  }
  return new UserError(
    "E_TEXT_UNREADABLE",
    `${path}: cannot be read (${message})`,
    "Check the disk it is on and the links that lead to it, or leave it out.",
    { cause: error },
  );
}

/** Opens a file to read it; a pipe or a device is refused and not waited for. UserErrors: E_TEXT_MISSING, E_TEXT_UNREADABLE. */
export function openFile(path: string): number {
  const file = reading(path, at => openSync(at, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)));
  const stats = fstatSync(file);
  // A folder is refused by the system, when it is read.
  if (stats.isFile() || stats.isDirectory()) return file;
  closeSync(file);
  throw new UserError(
    "E_TEXT_UNREADABLE",
    `${path}: neither a file nor a folder`,
    "It may be read more than once: write what comes from a pipe or a device into a file, and name that.",
  );
}

/** Calls `read` on a path; what fails is explained. */
export function reading<T>(path: string, read: (path: string) => T): T {
  try {
    return read(path);
  } catch (error) {
    throw explainReadFailure(error, path);
  }
}
