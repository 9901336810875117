// What the system's refusals to write are to a person. Apart from the files themselves, since the terminal's own output can be refused too
// and every command begins by reading it.

import { UserError } from "../errors.ts";
import { findDanglingLink } from "./dangling-link.ts";

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
  EINVAL: "a name that this disk does not take",
  EFBIG: "a file larger than this disk or ulimit -f allows",
  EIO: "the disk reports a fault",
  ESTALE: "the disk of another machine no longer has this place",
  ENOTCONN: "the disk of another machine is gone",
  ETIMEDOUT: "the disk of another machine does not answer",
  EHOSTDOWN: "the disk of another machine does not answer",
  ENODEV: "the disk is gone",
  ENXIO: "the disk is gone",
  EBUSY: "another program holds this",
  ETXTBSY: "another program holds this",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
};

/**
 * Turns the system's refusal to write into an error a person can act on; passes everything else through. `left` ends what is
 * said of a full disk: what of the file is there then, if that is known.
 */
export function explainWriteFailure(error: unknown, path: string, left = ""): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") {
    const advice = "Free some space, or choose a folder on another disk.";
    return new UserError("E_DISK_FULL", `${path}: the disk is full${left}`, advice, { cause: error });
  }
  // Where it leads nothing can be made: the system says that something stands there, or nothing.
  const link = code === "EEXIST" || code === "ENOENT" ? findDanglingLink(path) : undefined;
  if (link !== undefined) {
    const seen = `${link.path}: a symbolic link to ${link.target}, where nothing is (${code})`;
    return new UserError("E_NOT_WRITABLE", seen, "Make what it leads to, or choose another folder.", { cause: error });
  }
  const refusal = code === undefined ? undefined : refusals[code];
  if (refusal === undefined) return error;
  return new UserError("E_NOT_WRITABLE", `${path}: ${refusal} (${code})`, "Choose another folder.", { cause: error });
}
