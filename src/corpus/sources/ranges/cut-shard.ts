// A large file of lines as several shards, so that threads and machines share it. Where they lie is arithmetic on its size, so that every
// machine has the same; which documents each has, `openRange` finds out.

import { compressionOf } from "../../../tables/bytes.ts";
import type { Shard } from "../shard.ts";

/** Of a file of documents whose ends may show where another begins. */
const formats: readonly Shard["format"][] = ["jsonl", "text", "unknown"];

/** The shard in ranges of at least so many bytes, as even as can be; one that is smaller than two of them, or packed, or remote, as it is. */
export function cutShard(shard: Shard, bytesPerRange: number): Shard[] {
  const { scheme, path, format, bytes, choice } = shard;
  const isCut =
    scheme !== "hub" && formats.includes(format) && compressionOf(path) === "none" && choice?.join === undefined;
  const count = isCut ? Math.floor(bytes / bytesPerRange) : 1;
  if (count < 2) return [shard];
  const ends = Array.from({ length: count + 1 }, (_, i) => Math.floor((i * bytes) / count));
  return ends.slice(1).map((end, i) => {
    const from = ends[i]!;
    // What a file has grown by since it was listed is read, too.
    return { ...shard, bytes: end - from, range: { from, to: i === count - 1 ? Number.POSITIVE_INFINITY : end } };
  });
}

/** Whether a shard is a range that others of its file stand before. */
export const isLater = ({ range }: Shard): boolean => range !== undefined && range.from > 0;
