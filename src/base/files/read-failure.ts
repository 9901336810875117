// What the system says when something cannot be read, turned into an error a person can act on. It lists and reads the files of others,
// so every refusal of the system is about the file, never a bug.

import { existsSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "../errors.ts";
import { quoteWord } from "../shell-words.ts";
import { findDanglingLink } from "./dangling-link.ts";

export const pipeOrDevice = "this is a pipe or a device";

/** What the system's refusals to read mean. */
const readRefusals: Readonly<Record<string, string>> = {
  EACCES: "this may not be read",
  EPERM: "this may not be read",
  EISDIR: "a folder stands here",
  ENXIO: pipeOrDevice,
  ENOTDIR: "a file stands where a folder should be",
  ELOOP: "links that lead in a circle",
  ENAMETOOLONG: "a name that is too long",
  EMFILE: "too many files are open (ulimit -n says how many may be)",
  ENFILE: "too many files are open on this machine",
  EIO: "the disk cannot read it",
};

/** Calls `read` on a path; what the system refuses is explained. UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE. */
export function reading<T>(path: string, kind: string, read: (path: string) => T): T {
  try {
    return read(path);
  } catch (error) {
    throw explainReadFailure(error, path, kind);
  }
}

/** Turns the system's refusal to read into an error a person can act on; passes everything else through. */
export function explainReadFailure(error: unknown, path: string, kind: string): unknown {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (code === "ENOENT") {
    const link = findDanglingLink(path);
    if (link !== undefined) {
      const seen = `${link.path}: a symbolic link to ${link.target}, where nothing is`;
      return new UserError("E_FILE_MISSING", seen, "Put there what it leads to, or make the link anew.", {
        cause: error,
      });
    }
    // What of a name is no UTF-8 comes to a program as this character, and finds nothing.
    const advice = path.includes("\ufffd")
      ? "A name that is not UTF-8 cannot be given: rename it, or name the folder above it."
      : `Check the path; it should hold a ${kind}.`;
    return new UserError("E_FILE_MISSING", `${path}: no ${kind} here`, advice, { cause: error });
  }
  if (code === "ENOTDIR" && existsSync(path)) {
    const folder = kind.startsWith("folder") ? kind : `folder of a ${kind}`;
    const advice = `Name the folder; this file lies in ${quoteWord(dirname(path))}.`;
    return new UserError("E_FILE_UNREADABLE", `${path}: a file, and no ${folder}`, advice, { cause: error });
  }
  return explainUnreadable(path, kind, readRefusals[code] ?? "the system does not read it", code, error);
}

/**
 * What stands at a path, as far as that can be seen: statSync's own throwIfNoEntry forgives no file above it, no links in a circle and no missing
 * right. For places of which whoever reads or writes next says what is wrong.
 */
export function lookAt(path: string, look: (path: string) => Stats = statSync): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}

/**
 * Asked before a folder is told to be missing, or to be none of its kind: E_FILE_UNREADABLE where what is in it may not be seen, which is
 * no "no", where a file stands or links lead in a circle, and E_FILE_MISSING where a link leads nowhere.
 */
export function refuseUnseen(folder: string, kind: string): void {
  try {
    statSync(`${folder}/.`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What is not there at all the caller knows more of.
    if (code !== "ENOENT" || findDanglingLink(folder) !== undefined) throw explainReadFailure(error, folder, kind);
  }
}

export function explainUnreadable(path: string, kind: string, seen: string, code?: string, cause?: unknown): UserError {
  return new UserError(
    "E_FILE_UNREADABLE",
    `${path}: cannot be read as a ${kind}: ${seen}${code === undefined ? "" : ` (${code})`}`,
    adviseOnUnreadable(kind, seen, code),
    { cause },
  );
}

function adviseOnUnreadable(kind: string, seen: string, code: string | undefined): string {
  if (code === "EACCES" || code === "EPERM") return "Give yourself the right to read it and the folders above it.";
  // It may be read more than once.
  if (seen === pipeOrDevice) return "Write what comes from it into a file, and name that.";
  return `Check what is there; it should be a ${kind}.`;
}
