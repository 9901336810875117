// The bytes of a file as they come, unpacked when it is a gzip or a Zstandard file. What is wrong with a file is said with its
// name: a file cut short must not pass for a shorter text. When a reader stops early, the file is closed before its `return`
// resolves.

import type { Hash } from "node:crypto";
import { closeSync, fstatSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { UserError } from "../base/errors.ts";
import { openForReading } from "../base/files/files.ts";
import { reading } from "../base/files/read-failure.ts";
import { countOf } from "../base/printable.ts";
import { unpackMembers } from "./gzip.ts";
import { PackedFault } from "./packed-input.ts";
import { unpackZstd } from "./zstd.ts";

export type Compression = "none" | "gzip" | "zstd";

const bytesPerRead = 1 << 20;
const leastBytesPerRead = 1 << 10;

/** How a file is packed, by the ending of its name, whatever its case. */
export function compressionOf(path: string): Compression {
  return /\.gz$/i.test(path) ? "gzip" : /\.zst$/i.test(path) ? "zstd" : "none";
}

/** How content is packed, by its first bytes. */
export function detectCompression(start: Uint8Array): Compression {
  const begins = (...bytes: number[]) => bytes.every((byte, at) => start[at] === byte);
  return begins(0x1f, 0x8b) ? "gzip" : begins(0x28, 0xb5, 0x2f, 0xfd) ? "zstd" : "none";
}

/**
 * Reads a file in pieces, unpacked. UserErrors: E_GZIP_CUT for a packed file that ends early, E_GZIP_TAIL for one with
 * other bytes behind it, E_GZIP for one that is damaged or not packed so, and those of `readFile`.
 */
export function readBytes(path: string, compression?: Compression): AsyncGenerator<Buffer> {
  return unpackBytes(readFile(path), path, compression);
}

/** The content of a file's bytes. UserErrors: E_GZIP_CUT, E_GZIP, and E_GZIP_TAIL unless that `passesTail`. */
export function unpackBytes(
  bytes: AsyncGenerator<Buffer>,
  path: string,
  compression: Compression = compressionOf(path),
  passesTail = false,
): AsyncGenerator<Buffer> {
  if (compression === "none") return bytes;
  return unpackFile(bytes, path, compression, passesTail);
}

/** Called before bytes of a file are read that may lie elsewhere until then; behind it the file has its size, and those bytes. */
export type Bring = (start: number, end: number) => Promise<void>;

/** Where the bytes of a file lie on this machine, or will once they are brought. */
export interface LocalBytes {
  readonly path: string;
  readonly bring?: Bring | undefined;
}

/**
 * Reads a file, or from one byte to another, in pieces of at most 1 MiB. It reads synchronously, which makes a folder of many small files several times
 * faster to read, and lets the event loop turn once a piece. UserErrors: E_FILE_MISSING, E_FILE_UNREADABLE.
 */
export async function* readFile(
  path: string,
  bring?: Bring,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  await bring?.(0, 0);
  const file = openForReading(path, "text");
  try {
    let bytesExpected = reading(path, "text", () => fstatSync(file).size) - from;
    for (let at = from; at < to; ) {
      const piece = Buffer.allocUnsafe(
        Math.min(to - at, Math.max(leastBytesPerRead, Math.min(bytesPerRead, bytesExpected))),
      );
      await bring?.(at, at + Math.min(piece.length, bytesExpected));
      const bytesRead = reading(path, "text", () => readSync(file, piece, 0, piece.length, at));
      if (bytesRead === 0) return;
      bytesExpected -= bytesRead;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
      await setImmediate();
    }
  } finally {
    closeSync(file);
  }
}

/** The same pieces, each taken into `hash` as it passes. */
export async function* hashPieces(pieces: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

/** Unpacks a file. `path` is for errors: E_GZIP_CUT, E_GZIP_TAIL, E_GZIP. */
async function* unpackFile(
  packed: AsyncGenerator<Buffer>,
  path: string,
  compression: Exclude<Compression, "none">,
  passesTail: boolean,
): AsyncGenerator<Buffer> {
  let bytesUnpacked = 0;
  try {
    for await (const piece of compression === "gzip" ? unpackMembers(packed) : unpackZstd(packed)) {
      bytesUnpacked += piece.length;
      yield piece;
    }
  } catch (error) {
    if (!(error instanceof PackedFault)) throw error;
    if (passesTail && error.kind === "tail") return;
    throw explainFault(error, path, compression === "gzip" ? "gzip" : "Zstandard file", bytesUnpacked);
  }
}

function explainFault(cause: PackedFault, path: string, kind: string, bytesUnpacked: number): UserError {
  const content = countOf(bytesUnpacked, "byte", String);
  if (cause.kind === "cut") {
    return new UserError(
      "E_GZIP_CUT",
      `${path}: the ${kind} ends early, after ${content} of content`,
      "The file was cut short, perhaps by an interrupted download; fetch it again.",
      { cause },
    );
  }
  if (cause.kind === "tail") {
    return new UserError(
      "E_GZIP_TAIL",
      `${path}: a whole ${kind} of ${content} of content, and behind its end bytes that are none`,
      "Fetch the file again, or pack its content anew.",
      { cause },
    );
  }
  return new UserError(
    "E_GZIP",
    `${path}: not a whole ${kind} (${cause.message}), after ${content} of content`,
    "Fetch the file again, or rename it if it is not packed.",
    { cause },
  );
}

/** Unpacks all of a file, to see whether it is damaged; whether it has other bytes behind its end. UserErrors: E_GZIP, those of reading it. */
export async function refuseDamaged(
  bytes: AsyncGenerator<Buffer>,
  path: string,
  compression: Compression,
): Promise<boolean> {
  try {
    for await (const _ of unpackBytes(bytes, path, compression));
  } catch (error) {
    // What was unpacked before the end is what was packed.
    if (!(error instanceof UserError && (error.code === "E_GZIP_CUT" || error.code === "E_GZIP_TAIL"))) throw error;
    return error.code === "E_GZIP_TAIL";
  }
  return false;
}
