// What a failed or finished writer leaves. Removing it may fail as its writing did, on a disk that may only be read, and must not
// hide why.

import { rmSync } from "node:fs";

/** Removes a file or a folder as far as the disk lets it. Never throws: the next writer there removes what is left. */
export function removeLeftovers(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Why it is removed matters more.
  }
}
