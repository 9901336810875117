// A temporary folder that goes when the process does: at its end, after an error, and when it is told to stop.

import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

/** Removed at exit; Ctrl-C and SIGTERM become exits. */
export function makeTemporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "cram-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  return folder;
}
