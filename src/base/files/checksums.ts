// The checksums of a folder's files: SHA-256 by path, as what describes a folder of ours names them, and the comparison that
// whoever uses those files makes first. A file that is not named is somebody else's, and not compared.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { hashFile } from "./files.ts";

/** SHA-256 by a file's path in its folder. */
export type Checksums = Readonly<Record<string, string>>;

/** Of the files in a folder, by their paths there. UserErrors of `hashFile`. */
export function hashFiles(folder: string, paths: readonly string[]): Checksums {
  return Object.fromEntries(paths.map(path => [path, hashFile(join(folder, path))]));
}

/** What the first file is that is not there or not what its checksum says: a sentence's end. UserErrors of `hashFile`. */
export function findChangedFile(folder: string, checksums: Checksums): string | undefined {
  for (const [path, sha256] of Object.entries(checksums)) {
    const file = join(folder, path);
    if (!existsSync(file)) return `${file}: not there`;
    if (hashFile(file) !== sha256) return `${file}: changed after it was written`;
  }
  return undefined;
}
