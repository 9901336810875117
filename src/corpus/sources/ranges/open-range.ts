// What is read of a range of a file: the documents that begin in it, so that all ranges together give what the file gives as a whole,
// with the same errors. Where the content is such that this cannot be, the first range is all of the file, and the others are empty.

import { UserError } from "../../../base/errors.ts";
import { detectCompression, readFile } from "../../../tables/bytes.ts";
import { type ContentStart, contentStart, decodeMarked, findMark } from "../../../tables/text.ts";
import { looksBinary } from "../../../tables/utf8.ts";
import { type DocumentEnd, nameSeparator } from "../formats/separators.ts";
import type { ReadOptions } from "../read-options.ts";
import type { ByteRange, Shard, ShardFormat } from "../shard.ts";
import { countBytes, detectFormat, readHead, recogniseTable } from "../shard-content.ts";
import { openShard } from "../sources.ts";
import { findCut } from "./find-cut.ts";
import { LineCounter } from "./line-counter.ts";

export interface OpenRange {
  readonly format: "jsonl" | "text";
  /** Whole lines. */
  readonly pieces: AsyncGenerator<Buffer>;
  readonly start: ContentStart;
}

/** Undefined where the file cannot be cut. UserErrors: those of reading its bytes. */
export async function openRange(
  shard: Shard,
  { from, to }: ByteRange,
  options: ReadOptions,
): Promise<OpenRange | undefined> {
  const { path } = openShard(shard);
  const head = await readHead(shard);
  const { encoding, markBytes } = findMark(head);
  const content = head.subarray(markBytes);
  // Readers of text take what looks like a mark behind the mark for one, too.
  const isPlain = encoding === undefined && findMark(content).markBytes === 0;
  const found = isPlain ? chooseEnd(content, shard, options) : undefined;
  if (found === undefined) return undefined;
  const { format, end } = found;
  // A line that began before the range is not read on to its end, however long it is.
  const begin = findCut(path, from, end, end === "line" ? to : undefined);
  const behind = begin === Number.POSITIVE_INFINITY ? begin : findCut(path, to, end);
  const pieces = countBytes(readFile(path, undefined, begin, behind), options.onBytes);
  if (begin === 0) return { format, pieces: decodeMarked(pieces, shard.path), start: contentStart };
  const counter = options.lineCounter ?? new LineCounter();
  const start = { byte: begin - markBytes, linesBefore: () => counter.countBefore(path, begin) };
  return { format, pieces, start };
}

/** What the file is by its head, and what its documents end with; undefined where these ends are not found from anywhere. */
function chooseEnd(
  head: Buffer,
  shard: Shard,
  options: ReadOptions,
): (Pick<OpenRange, "format"> & { readonly end: DocumentEnd }) | undefined {
  if (detectCompression(head) !== "none" || recogniseTable(head) !== undefined || looksBinary(head)) return undefined;
  const format = options.format ?? (shard.format === "jsonl" ? shard.format : tryDetecting(head, shard, options));
  if (format === "jsonl") return { format, end: "line" };
  const { separator, skipBroken, strict } = options;
  if (format !== "text" || separator === undefined || shard.choice?.where !== undefined) return undefined;
  // Where an error ends no more than the file, what is behind it is not read.
  if (skipBroken === true || (!shard.named && strict !== true)) return undefined;
  const end = nameSeparator(separator);
  return end && { format, end };
}

function tryDetecting(head: Buffer, shard: Shard, options: ReadOptions): ShardFormat | undefined {
  try {
    return detectFormat(head, shard, options);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
