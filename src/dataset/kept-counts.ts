// How often each token occurs in a training part, kept in the cache from run to run: a start need not read all of it to count what was counted
// before. Counts are found by the hash of their dataset, which its tokens make, and a file that is not as it was written counts for none.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../base/errors.ts";
import { findCacheFolder } from "../base/files/cache-folder.ts";
import { readWholeFile, writeFileAtomically } from "../base/files/files.ts";

const digestBytes = 32;
const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** The counts of so many tokens: those that are kept of this dataset, or else what `count` gives, which is kept. UserErrors: those of `count`, E_CACHE. */
export function countOnce(datasetHash: string, vocabulary: number, count: () => Float64Array): Float64Array {
  const path = join(findCacheFolder(), "counts", `${datasetHash}.f64`);
  const kept = readKept(path, vocabulary);
  if (kept !== undefined) return kept;
  const counts = count();
  const bytes = new Uint8Array(counts.buffer, counts.byteOffset, counts.byteLength);
  try {
    writeFileAtomically(path, [digest(bytes), bytes]);
  } catch (error) {
    // Where the cache takes nothing, they are counted again next time.
    if (!(error instanceof UserError)) throw error;
  }
  return counts;
}

function readKept(path: string, vocabulary: number): Float64Array | undefined {
  const counts = new Float64Array(vocabulary);
  const bytes = new Uint8Array(counts.buffer);
  try {
    const file = readWholeFile(path, "list of counts");
    if (file.length !== digestBytes + bytes.length) return undefined;
    bytes.set(file.subarray(digestBytes));
    return digest(bytes).equals(file.subarray(0, digestBytes)) ? counts : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
