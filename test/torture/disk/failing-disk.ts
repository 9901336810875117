// Failing disks by a library that stands before the C library (failing-disk.c): it counts what a verb changes, and fails from a
// number on. Of Linux, and only where a C compiler is.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { buildLibrary } from "../../../src/backends/cpu/build.ts";
import { type Ending, runCram, type StartOptions } from "../program.ts";

export type DiskFailure = "ENOSPC" | "EROFS";

const source = () => readFileSync(new URL("../../../../test/torture/disk/failing-disk.c", import.meta.url), "utf8");

/** The library's path, for LD_PRELOAD. */
export const buildFailingDisk = () => buildLibrary(source());

/** Runs a verb in a folder whose disk fails from the n-th change on, or never; and how many changes there were. */
export async function runOnFailingDisk(
  words: readonly string[],
  options: StartOptions,
  failing?: { readonly from: number; readonly failure: DiskFailure },
): Promise<{ ending: Ending; changes: number }> {
  const notes = mkdtempSync(join(tmpdir(), "cram-disk-"));
  const count = join(notes, "count");
  try {
    const env: NodeJS.ProcessEnv = {
      LD_PRELOAD: await buildFailingDisk(),
      ...{ CRAM_DISK_FOLDER: options.cwd, CRAM_DISK_COUNT: count },
      ...(failing !== undefined && {
        CRAM_DISK_FROM: String(failing.from),
        CRAM_DISK_ERRNO: String(constants.errno[failing.failure]),
      }),
    };
    const ending = await runCram(words, { ...options, env: { ...options.env, ...env } });
    return { ending, changes: Number(readFileSync(count, "utf8")) };
  } finally {
    rmSync(notes, { recursive: true, force: true });
  }
}
