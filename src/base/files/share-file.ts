// A second name for a file: its bytes stand on the disk once, and stay until both names are gone.

import { copyFileSync, linkSync } from "node:fs";
import { explainWriteFailure } from "./write-failure.ts";

/** Copies it where the disk has no second names. UserErrors: E_DISK_FULL, E_NOT_WRITABLE. */
export function shareFile(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    try {
      copyFileSync(from, to);
    } catch (error) {
      throw explainWriteFailure(error, to);
    }
  }
}
