// A portion of a corpus: shards that follow each other, read and judged together by one thread or one machine. What comes of it lies
// in files of its own, a summary last, so that a portion that was finished once is never read again. Which portions there are depends
// on the shards alone.

import { join } from "node:path";
import { z } from "zod";
import { hashFile, readJson } from "../../base/files/files.ts";
import { lookAt } from "../../base/files/read-failure.ts";
import { isSealed } from "../../base/files/sealed-file.ts";
import type { Funnel } from "../funnel.ts";
import { cutShard } from "../sources/ranges/cut-shard.ts";
import type { Shard } from "../sources/shard.ts";

export interface Portion {
  readonly index: number;
  readonly shards: readonly Shard[];
}

export interface PortionSummary {
  /** Every shard with the hash of its file; without one where it could not be read and was passed over, and of a file's later ranges. */
  readonly shards: readonly { readonly path: string; readonly hash?: string | undefined }[];
  /** Of this portion as if there were no other. */
  readonly funnel: Funnel;
  /** Documents that are neither empty nor equal to an earlier one of the portion: as many records there are. */
  readonly records: number;
  /** Those of them that stay. */
  readonly kept: number;
  readonly bytes: number;
  /** Whether the texts are lines of the documents format. */
  readonly asLines: boolean;
  /** Of texts that were encoded, the commonest characters that normalising lost. */
  readonly lost?: readonly (readonly [character: string, count: number])[] | undefined;
  /** SHA-256 of the files beside it, by their endings. */
  readonly hashes: Readonly<Record<string, string>>;
}

const summarySchema = z.object({
  shards: z.array(z.object({ path: z.string(), hash: z.string().optional() })),
  funnel: z.custom<Funnel>(value => typeof value === "object" && value !== null),
  records: z.number(),
  kept: z.number(),
  bytes: z.number(),
  asLines: z.boolean(),
  lost: z.array(z.tuple([z.string(), z.number()])).optional(),
  hashes: z.record(z.string(), z.string()),
});

/**
 * texts: the kept ones, as lines or each ended by a byte that UTF-8 has not. records: what is known of each, kept or not. signatures, encodings:
 * of the kept ones.
 */
export type PortionFile = "texts" | "records" | "signatures" | "encodings";

const mostBytes = 2 ** 23;
/** Of text, of which a portion of 8 MiB keeps a thread busy for a second when all others have ended. */
export const textPortionBytes = 2 ** 22;
const mostShards = 1024;
/** Finding where a range begins costs as much as reading this. */
const leastRangeBytes = 2 ** 20;

/** Shards in their order, about 8 MiB of them together as they lie there; a larger one in ranges where it can be cut, else alone. */
export function listPortions(shards: readonly Shard[], bytesPerPortion = mostBytes): Portion[] {
  const portions: { index: number; shards: Shard[] }[] = [];
  const bytesPerRange = Math.max(bytesPerPortion, leastRangeBytes);
  let bytes = Number.POSITIVE_INFINITY;
  for (const shard of shards.flatMap(shard => cutShard(shard, bytesPerRange))) {
    const last = portions.at(-1);
    if (last === undefined || bytes + shard.bytes > bytesPerPortion || last.shards.length === mostShards) {
      portions.push({ index: portions.length, shards: [shard] });
      bytes = shard.bytes;
    } else {
      last.shards.push(shard);
      bytes += shard.bytes;
    }
  }
  return portions;
}

export const portionFile = (folder: string, index: number, ending: PortionFile | "json"): string =>
  join(folder, `portion-${String(index).padStart(6, "0")}.${ending}`);

/** What came of a portion; undefined where it is not finished, or its summary was damaged. */
export function readPortionSummary(folder: string, index: number): PortionSummary | undefined {
  const path = portionFile(folder, index, "json");
  if (!isSealed(path)) return undefined;
  return summarySchema.safeParse(readJson(path, "summary of a portion")).data;
}

/** Whether the files of a finished portion are what its summary says; reads them. */
export function isWholePortion(folder: string, index: number, { hashes }: PortionSummary): boolean {
  return Object.entries(hashes).every(([ending, hash]) => {
    const path = portionFile(folder, index, ending as PortionFile);
    return lookAt(path)?.isFile() === true && hashFile(path) === hash;
  });
}
