// What the system says when a text cannot be read, turned into an error a person can act on. It lists and reads the files
// of others, so every refusal of the system is about the file, never a bug.

import { UserError } from "../base/errors.ts";

/** Explains a failed system call on `path`: E_TEXT_MISSING or E_TEXT_UNREADABLE; passes everything else through. */
export function explainReadFailure(error: unknown, path: string): unknown {
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

/** Calls `read` on a path; what fails is explained. */
export function reading<T>(path: string, read: (path: string) => T): T {
  try {
    return read(path);
  } catch (error) {
    throw explainReadFailure(error, path);
  }
}
