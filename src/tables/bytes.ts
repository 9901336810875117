// The bytes of a file as they come, unpacked when it is a gzip or a Zstandard file. What is wrong with a file is said with its
// name: a file cut short must not pass for a shorter text. When a reader stops early, the file is closed before its `return`
// resolves.

import type { Hash } from "node:crypto";
import { closeSync, fstatSync, readSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { openForReading } from "../base/files/files.ts";
import { reading } from "../base/files/read-failure.ts";
import { countOf } from "../base/printable.ts";
import { unpackZstd, ZstdFault } from "./zstd.ts";

export type Compression = "none" | "gzip" | "zstd";

const bytesPerRead = 1 << 20;
const leastBytesPerRead = 1 << 10;
const bytesPerUnpack = 1 << 18;

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
 * Reads a file in pieces, unpacked. UserErrors: E_GZIP_CUT for a packed file that ends early, E_GZIP for one that is damaged or
 * not packed so, and those of `readFile`.
 */
export function readBytes(path: string, compression?: Compression): AsyncGenerator<Buffer> {
  return unpackBytes(readFile(path), path, compression);
}

/** The content of a file's bytes. UserErrors: E_GZIP_CUT, E_GZIP. */
export function unpackBytes(
  bytes: AsyncGenerator<Buffer>,
  path: string,
  compression: Compression = compressionOf(path),
): AsyncGenerator<Buffer> {
  if (compression === "none") return bytes;
  return compression === "gzip" ? unpackGzip(bytes, path) : unpackZstdFile(bytes, path);
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

/** Unpacks a gzip of one or several members. `path` is for errors: E_GZIP_CUT, E_GZIP. */
export async function* unpackGzip(packed: AsyncGenerator<Buffer>, path: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: bytesPerUnpack });
  const fed = { bytes: 0, isGzip: false };
  const feeding = pipeline(countPieces(packed, fed), gunzip);
  feeding.catch(() => {}); // whoever reads from gunzip meets the same failure
  let bytesUnpacked = 0;
  try {
    for await (const piece of gunzip) {
      bytesUnpacked += (piece as Buffer).length;
      yield piece as Buffer;
    }
  } catch (error) {
    throw explainGzipFailure(error, path, bytesUnpacked, gunzip.bytesWritten, fed);
  } finally {
    await packed.return(undefined); // the loop has destroyed gunzip, which ends the feeding
  }
}

/** Unpacks a Zstandard file of one or several frames. `path` is for errors: E_GZIP_CUT, E_GZIP. */
async function* unpackZstdFile(packed: AsyncGenerator<Buffer>, path: string): AsyncGenerator<Buffer> {
  let bytesUnpacked = 0;
  try {
    for await (const piece of unpackZstd(packed)) {
      bytesUnpacked += piece.length;
      yield piece;
    }
  } catch (error) {
    if (!(error instanceof ZstdFault)) throw error;
    if (error.endsEarly) throw cutShort(error, path, "Zstandard file", bytesUnpacked);
    throw damaged(
      error,
      path,
      `not a whole Zstandard file (${error.message}) after ${countOf(bytesUnpacked, "byte", String)} of content`,
    );
  }
}

/** The same pieces; what of the file was given, and whether it begins as a gzip does. */
async function* countPieces(pieces: AsyncIterable<Buffer>, fed: { bytes: number; isGzip: boolean }) {
  for await (const piece of pieces) {
    if (fed.bytes === 0) fed.isGzip = piece[0] === 0x1f && piece[1] === 0x8b;
    fed.bytes += piece.length;
    yield piece;
  }
}

/** The library counts the bytes it is done with, and stops somewhere in those it was given after them. */
function explainGzipFailure(
  error: unknown,
  path: string,
  bytesUnpacked: number,
  bytesDone: number,
  fed: { readonly bytes: number; readonly isGzip: boolean },
): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "Z_BUF_ERROR") return cutShort(error, path, "gzip", bytesUnpacked);
  if (!code?.startsWith("Z_")) return error;
  // Whatever stands there, a member's header is looked for where a member ends.
  const what = fed.isGzip && message === "incorrect header check" ? "what follows its end is none" : message;
  return damaged(
    error,
    path,
    `not a whole gzip (${what}), between byte ${bytesDone} and byte ${fed.bytes} of the file`,
  );
}

function cutShort(cause: unknown, path: string, kind: string, bytesUnpacked: number): UserError {
  return new UserError(
    "E_GZIP_CUT",
    `${path}: the ${kind} ends early, after ${countOf(bytesUnpacked, "byte", String)} of content`,
    "The file was cut short, perhaps by an interrupted download; fetch it again.",
    { cause },
  );
}

function damaged(cause: unknown, path: string, seen: string): UserError {
  return new UserError("E_GZIP", `${path}: ${seen}`, "Fetch the file again, or rename it if it is not packed.", {
    cause,
  });
}
