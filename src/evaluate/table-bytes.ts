// The bytes of a table, unpacked, and their hash; and bytes to text. A table is held whole: the largest of those that tasks
// are made of has 80 MB. What is wrong with a file is said with its name, and where the place is known, with the line.

import { constants, isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { UserError } from "../base/errors.ts";
import { contentHash } from "../base/files.ts";

export interface TableBytes {
  /** Unpacked where the name ends in ".gz". */
  readonly bytes: Buffer;
  /** Of the file as it stands. */
  readonly hash: string;
}

/** Reads a whole file. UserErrors: E_FILE_MISSING, E_TEXT_UNREADABLE, E_TABLE_EMPTY, E_GZIP_CUT, E_GZIP. */
export function readTableBytes(path: string): TableBytes {
  const stored = readStored(path);
  const hash = contentHash(stored);
  const bytes = path.endsWith(".gz") && stored.length > 0 ? unpackGzip(stored, path) : stored;
  if (bytes.length === 0) throw emptyTable(path, "an empty file");
  return { bytes, hash };
}

/** The error of a file without a row; `seen` says what there is instead. */
export function emptyTable(path: string, seen: string): UserError {
  return new UserError(
    "E_TABLE_EMPTY",
    `${path}: no row here, ${seen}`,
    "It may be cut short or the wrong file; fetch or make it again.",
  );
}

/** Bytes to text, without a byte-order mark. UserErrors: E_UTF8 naming the line, E_TEXT_TOO_LONG. */
export function decodeTable(bytes: Buffer, path: string): string {
  if (bytes.length > constants.MAX_STRING_LENGTH) {
    throw new UserError(
      "E_TEXT_TOO_LONG",
      `${path}: ${Math.round(bytes.length / 2 ** 20)} MiB of text, more than one table may have`,
      "Keep fewer rows, or write it as parquet.",
    );
  }
  if (!isUtf8(bytes)) {
    throw new UserError(
      "E_UTF8",
      `${path}:${findBrokenLine(bytes)}: this line is not UTF-8`,
      "Convert the file to UTF-8, for example with `iconv -f latin1 -t utf-8`.",
    );
  }
  const text = bytes.toString("utf8");
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

function readStored(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new UserError("E_FILE_MISSING", `${path}: no such file`, "Check the path.", { cause });
    }
    throw new UserError("E_TEXT_UNREADABLE", `${path}: cannot be read (${message})`, "Name a file you may read.", {
      cause,
    });
  }
}

function unpackGzip(stored: Buffer, path: string): Buffer {
  try {
    return gunzipSync(stored);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "Z_BUF_ERROR") {
      throw new UserError(
        "E_GZIP_CUT",
        `${path}: the gzip ends early, after ${stored.length} bytes`,
        "The file was cut short, perhaps by an interrupted download; fetch it again.",
        { cause },
      );
    }
    throw new UserError(
      "E_GZIP",
      `${path}: not a whole gzip (${message})`,
      "Fetch the file again, or rename it if it is not a gzip.",
      { cause },
    );
  }
}

function findBrokenLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(10, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
