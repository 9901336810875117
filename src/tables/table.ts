// Files of rows, read as they come whatever their format: .tsv as GLUE writes it (a quote is a character like any other), .csv,
// .jsonl and .ndjson (an object a line), .json (a list of objects, or one after another), each also .gz and .zst, and .parquet.
// Rows come with their place, because a message about one must name it. The first line of a .tsv or .csv names the columns.

import { createHash, type Hash } from "node:crypto";
import { basename } from "node:path";
import { UserError } from "../base/errors.ts";
import {
  type Compression,
  compressionOf,
  detectCompression,
  hashPieces,
  type LocalBytes,
  readFile,
  unpackBytes,
} from "./bytes.ts";
import { readArrow } from "./formats/arrow.ts";
import { readRecords } from "./formats/delimited.ts";
import { readJsonLines, readJsonValues } from "./formats/json-rows.ts";
import { nameColumns } from "./formats/named-columns.ts";
import { readParquet } from "./formats/parquet.ts";
import { findSeparator, type Separator } from "./formats/separator.ts";
import type { NumberedRow, Row } from "./row.ts";
import { readTextPieces } from "./text.ts";

export interface Table {
  /** In batches, because handing each one over by itself costs more than parsing it. */
  readonly rows: AsyncGenerator<Row[]>;
  /** Of the file's bytes, first 16 hexadecimal digits of SHA-256; known once every row was read. */
  readonly hash: () => string;
}

export interface TableOptions {
  /** What it is, whatever its name says. */
  readonly format?: TableFormat;
  /** Where its bytes lie; absent: under its name. A file of columns whose bytes are brought has no hash. */
  readonly file?: LocalBytes;
  /** Rows that are passed over before the first. */
  readonly from?: number;
  /** The columns that are wanted, those of them that are there; absent: all. */
  readonly columns?: readonly string[];
  /** What parts the fields of a .csv or .tsv, which then may both be in quotes; absent: as the first line shows. */
  readonly separator?: Separator;
  /** Columns of a .tsv whose first line names none of them. */
  readonly headerless?: readonly string[];
  /** Whether .tsv lines with fewer fields than columns are left out instead of refused. */
  readonly leaveOutShort?: boolean;
  /** Whether a row that is none comes as a broken one, where reading can go on behind it; else it is an error. */
  readonly keepBroken?: boolean;
  /** Bytes of one row of text, at most; 64 MiB. */
  readonly longestRowBytes?: number;
  /** Rows and bytes of unpacked content, at most, where they are all held; absent: any number. */
  readonly most?: { readonly rows: number; readonly bytes: number };
  readonly signal?: AbortSignal;
}

/** What a table may have that is held whole: the largest tasks have half a million rows and 100 MB. */
export const heldAtMost = { rows: 1_000_000, bytes: 2 ** 30 } as const;

const formats = ["tsv", "csv", "jsonl", "ndjson", "json", "parquet", "arrow", "feather"] as const;
export type TableFormat = Exclude<(typeof formats)[number], "ndjson" | "feather">;

/** The format that a file's name says, whatever its case; undefined for another file, and for the hidden ones of macOS. */
export function tableFormat(path: string): TableFormat | undefined {
  const name = basename(path);
  if (name.startsWith(".")) return undefined;
  const ending = name
    .replace(/\.(gz|zst)$/i, "")
    .split(".")
    .slice(1)
    .at(-1)
    ?.toLowerCase();
  const found = formats.find(format => format === ending);
  const format = found === "ndjson" ? "jsonl" : found === "feather" ? "arrow" : found;
  return isColumnar(format) && compressionOf(path) !== "none" ? undefined : format;
}

/** Whether a format keeps columns apart, so that some of them can be read. */
export const isColumnar = (format: TableFormat | undefined): boolean => format === "parquet" || format === "arrow";

/**
 * Opens a table; its rows are parsed as they are asked for. UserErrors: E_TABLE_FORMAT at once; and as rows are asked for
 * E_TABLE_EMPTY, E_TABLE_ROW and E_TEXT_TOO_LONG (naming the row), E_JSON_LINE, E_PARQUET, those of bytes and text.
 */
export function openTable(path: string, options: TableOptions = {}): Table {
  const format = options.format ?? tableFormat(path);
  if (format === undefined) {
    throw new UserError(
      "E_TABLE_FORMAT",
      `${path}: not the name of a table`,
      "Tables are .tsv, .csv, .jsonl and .json, each also .gz or .zst, .parquet and .arrow.",
    );
  }
  const hash = createHash("sha256");
  let digest: string | undefined;
  return {
    rows: placeRows(path, readRows(format, path, hash, options), options.keepBroken === true),
    hash: () => (digest ??= hash.digest("hex").slice(0, 16)),
  };
}

/** Every row of a table, of which there may be no more than `heldAtMost`. Errors: as `openTable`. */
export async function readTable(path: string, options: TableOptions = {}): Promise<{ rows: Row[]; hash: string }> {
  const table = openTable(path, { most: heldAtMost, ...options });
  const rows: Row[] = [];
  for await (const batch of table.rows) for (const row of batch) rows.push(row);
  return { rows, hash: table.hash() };
}

function tooLarge(path: string, size: string): UserError {
  return new UserError(
    "E_TABLE_LARGE",
    `${path}: more than ${size} of content, which is more than can be held at once`,
    "Keep fewer rows.",
  );
}

async function* countBytes(pieces: AsyncIterable<Buffer>, path: string, most: number | undefined) {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (most !== undefined && bytes > most) throw tooLarge(path, `${most / 2 ** 20} MiB`);
    yield piece;
  }
}

/** The error of a file without a row; `seen` says what there is instead. */
export function emptyTable(path: string, seen: string): UserError {
  return new UserError(
    "E_TABLE_EMPTY",
    `${path}: no row here, ${seen}`,
    "It may be cut short or the wrong file; fetch or make it again.",
  );
}

async function* placeRows(
  path: string,
  batches: AsyncGenerator<NumberedRow[]>,
  keepBroken: boolean,
): AsyncGenerator<Row[]> {
  for await (const batch of batches) {
    const end = keepBroken ? -1 : batch.findIndex(({ broken }) => broken !== undefined);
    const whole = end < 0 ? batch : batch.slice(0, end);
    if (whole.length > 0) yield whole.map(row => ({ ...row, origin: `${path}:${row.line}` }));
    if (end >= 0) throw batch[end]!.broken!;
  }
}

async function* readRows(
  format: TableFormat,
  path: string,
  hash: Hash,
  options: TableOptions,
): AsyncGenerator<NumberedRow[]> {
  const { file = { path }, from = 0 } = options;
  if (isColumnar(format) && file.bring !== undefined) {
    return yield* readColumns(format, path, file, options);
  }
  const [first, bytes] = await peek(hashPieces(readFile(file.path, file.bring), hash));
  if (first === undefined) throw emptyTable(path, "an empty file");
  // A file of columns passes over rows by itself, in whole groups.
  let rows = isColumnar(format) ? from : 0;
  // What is named otherwise than it is may be packed otherwise, too.
  const compression = options.format === undefined ? compressionOf(path) : detectCompression(first);
  for await (const batch of parse(format, path, bytes, compression, options)) {
    const passed = Math.max(0, from - rows);
    rows += batch.length;
    if (rows > (options.most?.rows ?? rows)) throw tooLarge(path, `${options.most!.rows.toLocaleString("en-US")} rows`);
    if (rows > from) yield passed === 0 ? batch : batch.slice(passed);
  }
  if (rows === 0) throw emptyTable(path, emptiness[format]);
}

const emptiness: Readonly<Record<TableFormat, string>> = {
  tsv: "no more than the names of columns",
  csv: "no more than the names of columns",
  jsonl: "only empty lines",
  json: "no object",
  parquet: "a parquet of no rows",
  arrow: "an Arrow file of no rows",
};

async function* parse(
  format: TableFormat,
  path: string,
  bytes: AsyncGenerator<Buffer>,
  compression: Compression,
  options: TableOptions,
): AsyncGenerator<NumberedRow[]> {
  const { longestRowBytes = 64 * 2 ** 20, keepBroken = false } = options;
  if (isColumnar(format)) {
    for await (const _ of bytes); // for its hash; a library reads the file itself
    return yield* readColumns(format, path, options.file ?? { path }, options);
  }
  const unpacked = countBytes(unpackBytes(bytes, path, compression, keepBroken), path, options.most?.bytes);
  if (format === "jsonl") return yield* readJsonLines(unpacked, path, longestRowBytes);
  if (format === "json") return yield* readJsonValues(unpacked, path, longestRowBytes, keepBroken);
  const [beginning, text] = await peek(readTextPieces(unpacked, path, undefined, keepBroken));
  const separator = options.separator ?? (format === "tsv" ? "\t" : findSeparator(beginning ?? ""));
  const quotes = format === "csv" || options.separator !== undefined;
  const records = readRecords(text, path, { separator, quotes, longestRecord: longestRowBytes });
  yield* nameColumns(records, path, { ...options, separator, quotes });
}

function readColumns(
  format: TableFormat,
  path: string,
  file: LocalBytes,
  { columns, signal, from = 0 }: TableOptions,
): AsyncGenerator<NumberedRow[]> {
  return format === "arrow"
    ? readArrow(path, { file, columns, from }, signal)
    : readParquet({ path, file, columns, from }, signal);
}

/** The first piece, undefined where there is none, and all of them. */
async function peek<T>(pieces: AsyncGenerator<T>): Promise<[T | undefined, AsyncGenerator<T>]> {
  const { value, done } = await pieces.next();
  if (done === true) return [undefined, pieces];
  const all = (async function* () {
    try {
      yield value;
      yield* pieces;
    } finally {
      await pieces.return(undefined);
    }
  })();
  return [value, all];
}
