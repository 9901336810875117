// A cache of kernels of a test's own. Files of a room share a process, so the variable is given back behind each test.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach } from "node:test";

/** The folder that CRAM_CACHE names in every test of the file that calls this; it goes with the last of them. */
export function useOwnCache(): string {
  const folder = mkdtempSync(join(tmpdir(), "cram-own-cache-"));
  const outside = process.env.CRAM_CACHE;
  beforeEach(() => {
    process.env.CRAM_CACHE = folder;
  });
  afterEach(() => {
    if (outside === undefined) delete process.env.CRAM_CACHE;
    else process.env.CRAM_CACHE = outside;
  });
  after(() => rmSync(folder, { recursive: true }));
  return folder;
}
