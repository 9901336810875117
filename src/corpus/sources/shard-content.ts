// What the content of a shard is that its name leaves open: its first bytes say how it is packed, whether it is a table or another
// format than text, and whether it is text at all.

import { UserError } from "../../base/errors.ts";
import { compressionOf, detectCompression, readFile, refuseDamaged, unpackBytes } from "../../tables/bytes.ts";
import { refuseForeign } from "../../tables/foreign-format.ts";
import { adviseConverting, guessEncoding } from "../../tables/guess-encoding.ts";
import type { TableFormat } from "../../tables/table.ts";
import { looksBinary, showBytes } from "../../tables/utf8.ts";
import { recogniseFormat } from "./formats/recognise-format.ts";
import type { ReadOptions } from "./read-options.ts";
import type { Shard, ShardFormat } from "./shard.ts";
import { openShard } from "./sources.ts";

/** A file of columns under no name that says it. */
export async function detectTable(shard: Shard, { format }: ReadOptions): Promise<TableFormat | undefined> {
  return format === undefined ? recogniseTable(await readHead(shard)) : undefined;
}

export function recogniseTable(head: Buffer): TableFormat | undefined {
  const begins = head.subarray(0, 6).toString("latin1");
  return begins.startsWith("PAR1") ? "parquet" : begins === "ARROW1" ? "arrow" : undefined;
}

/** How the bytes of a shard begin, as they lie there. */
export async function readHead(shard: Shard): Promise<Buffer> {
  const file = openShard(shard);
  for await (const piece of readFile(file.path, file.bring)) return piece;
  return Buffer.alloc(0);
}

/** A file's content; how one named itself is packed, its first bytes say. */
export async function openUnpacked(
  shard: Shard,
  { onBytes, skipBroken }: ReadOptions,
): Promise<AsyncGenerator<Buffer>> {
  const { path, format } = shard;
  const file = openShard(shard);
  const pieces = countBytes(readFile(file.path, file.bring), onBytes);
  const [packed, all] = await peek(pieces);
  if (format !== "unknown") return unpackBytes(all, path, undefined, skipBroken);
  const begins = (...bytes: number[]) => bytes.every((byte, at) => packed[at] === byte);
  if (begins(0x42, 0x5a, 0x68) || begins(0xfd, 0x37, 0x7a, 0x58, 0x5a)) {
    await pieces.return(undefined);
    throw new UserError(
      "E_TEXT_FORMAT",
      `${path}: packed with ${begins(0x42) ? "bzip2" : "xz"}, which is not read`,
      "Pack it with gzip or zstd instead: `xzcat FILE | gzip > FILE.gz` (bzcat for bzip2).",
    );
  }
  return unpackBytes(all, path, detectCompression(packed), skipBroken);
}

/**
 * Unpacks a packed shard once before any text of it is taken: what is damaged shows only behind the text that it damages. Whether it has
 * other bytes behind its end. UserErrors: E_GZIP, those of reading its bytes.
 */
export async function refuseDamagedShard(shard: Shard, { format }: ReadOptions): Promise<boolean> {
  const { path } = shard;
  const isOpen = format !== undefined || shard.format === "unknown";
  const compression = isOpen ? detectCompression(await readHead(shard)) : compressionOf(path);
  if (compression === "none") return false;
  const file = openShard(shard);
  return refuseDamaged(readFile(file.path, file.bring), path, compression);
}

export async function* countBytes(
  pieces: AsyncIterable<Buffer>,
  onBytes: ReadOptions["onBytes"],
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    onBytes?.(piece.length);
    yield piece;
  }
}

/** The first piece and all of them. */
export async function peek(pieces: AsyncGenerator<Buffer>): Promise<[Buffer, AsyncGenerator<Buffer>]> {
  const { value, done } = await pieces.next();
  const first = done === true ? Buffer.alloc(0) : value;
  const all = (async function* () {
    try {
      if (first.length > 0) yield first;
      yield* pieces;
    } finally {
      await pieces.return(undefined);
    }
  })();
  return [first, all];
}

/** What a file is that is no text or is named as none. UserError E_TEXT_FORMAT for what cannot be read as it is. */
export function detectFormat(start: Buffer, { path, format }: Shard, { textField }: ReadOptions): ShardFormat {
  const found = recogniseFormat(start.toString("utf8"), textField);
  if (found === undefined) return "text";
  if (format === "unknown" && found.readAs !== undefined) return found.readAs;
  throw new UserError(
    "E_TEXT_FORMAT",
    `${path}: ${found.what}${format === "text" ? ", and its name says text" : ", not text"}`,
    `${found.advice} --format text takes it as it stands.`,
  );
}

export async function* refuseBinary(pieces: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  let begun = false;
  for await (const piece of pieces) {
    if (!begun && looksBinary(piece)) {
      refuseForeign(piece, path);
      throw new UserError(
        "E_BINARY",
        `${path}: binary content, not text (begins ${showBytes(piece, 0)})`,
        adviseOnBinary(piece),
      );
    }
    begun = true;
    yield piece;
  }
}

function adviseOnBinary(bytes: Buffer): string {
  const table = recogniseTable(bytes);
  if (table !== undefined)
    return `It is a file of ${table}, which packs its columns by itself: unpack it, and name it .${table}.`;
  const encoding = guessEncoding(bytes);
  if (encoding === undefined) return "Name a text file; a compressed one must be a gzip and end in .gz.";
  return adviseConverting(encoding);
}
