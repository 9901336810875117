// The bytes of a file as they come, unpacked when it is a gzip. What is wrong with a file is said with its name: a gzip cut
// short must not pass for a shorter text. When a reader stops early, the file is closed before its `return` resolves.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { reading } from "./read-failure.ts";
import type { Source } from "./sources.ts";

const bytesPerRead = 1 << 20;
const leastBytesPerRead = 1 << 10;
const bytesPerUnpack = 1 << 18;

/**
 * Reads a source in pieces, unpacked.
 * UserErrors: E_GZIP_CUT for a gzip that ends early, E_GZIP for one that is damaged or none, and those of `readFile`.
 */
export function readBytes(source: Pick<Source, "path" | "gzip">): AsyncGenerator<Buffer> {
  const bytes = readFile(source.path);
  return source.gzip ? unpackGzip(bytes, source.path) : bytes;
}

/**
 * Reads a file in pieces of at most 1 MiB. It reads synchronously, which makes a folder of many small files several times
 * faster to read, and lets the event loop turn once a piece. UserErrors: E_TEXT_MISSING, E_TEXT_UNREADABLE.
 */
export async function* readFile(path: string): AsyncGenerator<Buffer> {
  const file = reading(path, at => openSync(at, "r"));
  try {
    let bytesExpected = reading(path, () => fstatSync(file).size);
    for (;;) {
      const piece = Buffer.allocUnsafe(Math.max(leastBytesPerRead, Math.min(bytesPerRead, bytesExpected)));
      const bytesRead = reading(path, () => readSync(file, piece, 0, piece.length, null));
      if (bytesRead === 0) return;
      bytesExpected -= bytesRead;
      yield piece.subarray(0, bytesRead);
      await setImmediate();
    }
  } finally {
    closeSync(file);
  }
}

/** Unpacks a gzip of one or several members. `path` is for errors: E_GZIP_CUT, E_GZIP. */
export async function* unpackGzip(packed: AsyncGenerator<Buffer>, path: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: bytesPerUnpack });
  const feeding = pipeline(packed, gunzip);
  feeding.catch(() => {}); // whoever reads from gunzip meets the same failure
  let bytesUnpacked = 0;
  try {
    for await (const piece of gunzip) {
      bytesUnpacked += (piece as Buffer).length;
      yield piece as Buffer;
    }
  } catch (error) {
    throw explainGzipFailure(error, path, bytesUnpacked);
  } finally {
    await packed.return(undefined); // the loop has destroyed gunzip, which ends the feeding
  }
}

function explainGzipFailure(error: unknown, path: string, bytesUnpacked: number): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "Z_BUF_ERROR") {
    return new UserError(
      "E_GZIP_CUT",
      `${path}: the gzip ends early, after ${bytesUnpacked} bytes of content`,
      "The file was cut short, perhaps by an interrupted download; fetch it again.",
      { cause: error },
    );
  }
  if (code?.startsWith("Z_")) {
    return new UserError(
      "E_GZIP",
      `${path}: not a whole gzip (${message}) after ${bytesUnpacked} bytes of content`,
      "Fetch the file again, or rename it if it is not a gzip.",
      { cause: error },
    );
  }
  return error;
}
