// Reads the rows of a parquet file, a group of rows at a time. It runs in a thread of its own (parquet.ts), because the library
// was not made for damaged files: what can be checked before it decodes is checked here.

import { closeSync, fstatSync, readSync } from "node:fs";
import { brotliDecompressSync, unzipSync } from "node:zlib";
import { decompress } from "fzstd";
import {
  type ColumnMetaData,
  type FileMetaData,
  type ParquetParsers,
  parquetMetadataAsync,
  parquetReadObjects,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { openForReading } from "../../base/files/files.ts";
import { reading } from "../../base/files/read-failure.ts";
import { type ColumnRow, decodeText, makeRow } from "./column-text.ts";
import { checkPages } from "./parquet-pages.ts";

export interface ParquetInput {
  /** What messages call it. */
  readonly path: string;
  /** Where its bytes lie. */
  readonly at: string;
  /** Rows that are passed over, whole groups of them without being read. */
  readonly from: number;
  /** Reading ends before this group of rows. */
  readonly groupsEnd?: number;
  /** The columns to read, those of them that are there; absent: all. */
  readonly columns: readonly string[] | undefined;
}

const rowsPerBatch = 4096;
const mostGroupBytes = 2 ** 30;

/** Unpacked by Node where it can: it checks what it unpacks, and stops at the size it should have. */
const unpackers: typeof compressors = {
  ...compressors,
  GZIP: (input, length) => unzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (input, length) => decompress(input, new Uint8Array(length)),
};

const parsers: Partial<ParquetParsers> = {
  stringFromBytes: (bytes?: Uint8Array) => bytes && decodeText(bytes),
  jsonFromBytes(bytes?: Uint8Array) {
    const json = bytes && decodeText(bytes);
    return typeof json === "string" ? JSON.parse(json) : json;
  },
};

/** The rows in batches. Errors of any kind for a file that is damaged or of a kind that cannot be read. */
export async function* readParquetRows({ at, columns, from, groupsEnd }: ParquetInput): AsyncGenerator<ColumnRow[]> {
  const descriptor = openForReading(at, "text");
  try {
    const file = openRanges(descriptor, at);
    const metadata = await parquetMetadataAsync(file);
    const chosen = chooseColumns(metadata, columns);
    let rowStart = 0;
    for (const group of metadata.row_groups.slice(0, groupsEnd)) {
      const count = Number(group.num_rows);
      if (rowStart + count <= from) {
        rowStart += count;
        continue;
      }
      const chunks = group.columns.map(({ meta_data }) => meta_data!);
      for (const chunk of chunks) {
        if (chosen === undefined || chosen.includes(chunk.path_in_schema[0]!)) checkChunk(chunk, count, file);
      }
      const rowEnd = rowStart + count;
      const options = chosen === undefined ? {} : { columns: chosen };
      const rows = await parquetReadObjects({
        ...{ file, metadata, parsers, compressors: unpackers, rowStart, rowEnd, useOffsetIndex: false },
        ...options,
      });
      if (rows.length !== count) throw new Error(`${rows.length} rows where the index has ${count}`);
      for (let at = Math.max(0, from - rowStart); at < count; at += rowsPerBatch) {
        const first = rowStart + at + 1;
        yield rows.slice(at, at + rowsPerBatch).map((row, i) => makeRow(Object.entries(row), first + i, columns));
      }
      rowStart = rowEnd;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined for all of them: where none of those that are wanted is there, the rows say what is. */
function chooseColumns({ row_groups: groups }: FileMetaData, columns: readonly string[] | undefined) {
  const names = groups[0]?.columns.map(({ meta_data }) => meta_data!.path_in_schema[0]!) ?? [];
  const found = [...new Set(names)].filter(name => columns?.includes(name));
  return found.length === 0 ? undefined : found;
}

/** A group of rows, and where the bytes of the columns that are wanted lie. */
export interface ParquetGroup {
  readonly rows: number;
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

/** The groups of rows, by the index at the end of the file. Errors as `readParquetRows`. */
export async function* listParquetGroups({ at, columns }: ParquetInput): AsyncGenerator<ParquetGroup[]> {
  const descriptor = openForReading(at, "text");
  try {
    const metadata = await parquetMetadataAsync(openRanges(descriptor, at), { initialFetchSize: 8 });
    const chosen = chooseColumns(metadata, columns);
    yield metadata.row_groups.map(group => {
      const chunks = group.columns.map(({ meta_data }) => meta_data!);
      const wanted = chunks.filter(({ path_in_schema: [name] }) => chosen?.includes(name!) ?? true);
      return { rows: Number(group.num_rows), ranges: wanted.map(findRange) };
    });
  } finally {
    closeSync(descriptor);
  }
}

function findRange(chunk: ColumnMetaData): [start: number, end: number] {
  const first = Number(chunk.dictionary_page_offset ?? 0n) || Number(chunk.data_page_offset);
  const start = Math.min(first, Number(chunk.data_page_offset));
  return [start, start + Number(chunk.total_compressed_size)];
}

interface Ranges {
  readonly byteLength: number;
  slice(start: number, end?: number): ArrayBuffer;
}

function openRanges(descriptor: number, path: string): Ranges {
  const byteLength = reading(path, "text", () => fstatSync(descriptor).size);
  const slice = (start: number, end = byteLength): ArrayBuffer => {
    if (!(start >= 0 && start <= end && end <= byteLength)) throw new Error("its index leads out of the file");
    const bytes = new Uint8Array(new ArrayBuffer(end - start));
    for (let done = 0; done < bytes.length; ) {
      const read = reading(path, "text", () => readSync(descriptor, bytes, done, bytes.length - done, start + done));
      if (read === 0) throw new Error("the file became shorter while it was read");
      done += read;
    }
    return bytes.buffer;
  };
  return { byteLength, slice };
}

function checkChunk(chunk: ColumnMetaData, rows: number, file: Ranges): void {
  const values = Number(chunk.num_values);
  if (!(rows >= 0 && values >= rows)) throw new Error("fewer values than rows");
  if (Number(chunk.total_uncompressed_size) > mostGroupBytes)
    throw new Error("a column of more than 1 GiB in one group");
  checkPages(new Uint8Array(file.slice(...findRange(chunk))), values);
}
