// Files of labelled texts, read row by row whatever their format: .tsv as GLUE writes it (a quote is a character like any
// other), .csv (RFC 4180), .jsonl, each also .gz, and .parquet. Rows come with their place, because a message about one
// must name it. The first line of a .tsv or .csv names the columns.

import { parse } from "csv-parse/sync";
import { parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../base/errors.ts";
import { decodeTable, emptyTable, readTableBytes } from "./table-bytes.ts";

/** What a field may hold: text in .tsv and .csv, any JSON in the others. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Values = Readonly<Record<string, Value>>;

export interface Row {
  readonly values: Values;
  /** File and line ("MRPC/train.tsv:17"), in a parquet file and row, both from 1. */
  readonly origin: string;
}

export interface Table {
  /** Of the file's bytes. */
  readonly hash: string;
  readonly rows: AsyncGenerator<Row>;
}

export interface TableOptions {
  /** Columns of a .tsv whose first line names none of them. */
  readonly headerless?: readonly string[];
  /** Whether .tsv lines with fewer fields than columns are left out instead of refused. */
  readonly leaveOutShort?: boolean;
}

type Fields = readonly string[];
type Numbered = readonly [fields: Fields, line: number];
const formats = ["tsv", "csv", "jsonl", "parquet"] as const;
export type TableFormat = (typeof formats)[number];

/** The format that a file's name says; undefined for another file. */
export function tableFormat(path: string): TableFormat | undefined {
  const ending = /\.([a-z]+)(?:\.gz)?$/.exec(path)?.[1];
  return path.endsWith(".parquet.gz") ? undefined : formats.find(format => format === ending);
}

/**
 * Opens a table; its rows are parsed as they are asked for.
 * UserErrors: E_TABLE_FORMAT, E_TABLE_EMPTY, E_TABLE_ROW (naming the row), E_JSON_LINE, E_PARQUET and those of the bytes.
 */
export function readTable(path: string, options: TableOptions = {}): Table {
  const format = tableFormat(path);
  if (format === undefined) {
    throw new UserError(
      "E_TABLE_FORMAT",
      `${path}: not the name of a table`,
      "Tables are .tsv, .csv and .jsonl, each also .gz, and .parquet.",
    );
  }
  const { bytes, hash } = readTableBytes(path);
  if (format === "parquet") return { hash, rows: readParquet(bytes, path) };
  const text = decodeTable(bytes, path);
  if (format === "jsonl") return { hash, rows: readJsonLines(text, path) };
  const lines = format === "tsv" ? splitTabs(text) : parseCsv(text, path);
  return { hash, rows: readNamed(lines, path, options) };
}

/** Lines with their number from 1, without their ends; empty ones are passed over. */
export function* splitLines(text: string): Generator<readonly [line: string, number: number]> {
  for (let start = 0, number = 1; start < text.length; number++) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    const line = text.slice(start, text[end - 1] === "\r" && end > start ? end - 1 : end);
    if (line !== "") yield [line, number];
    start = end + 1;
  }
}

function* splitTabs(text: string): Generator<Numbered> {
  for (const [line, number] of splitLines(text)) yield [line.split("\t"), number];
}

function parseCsv(text: string, path: string): Numbered[] {
  const records: Numbered[] = [];
  let linesRead = 0;
  try {
    parse(text, {
      relax_column_count: true,
      skip_empty_lines: true,
      on_record: (record: Fields, { lines }) => {
        const linesInside = record.reduce((sum, field) => sum + field.split("\n").length - 1, 0);
        records.push([record, lines - linesInside]);
        linesRead = lines;
        return null; // what the parser would collect is collected here, with its place
      },
    });
  } catch (cause) {
    throw new UserError(
      "E_TABLE_ROW",
      `${path}:${linesRead + 1}: not CSV from here on: ${(cause as Error).message}`,
      'A field with a quote or a comma is written "in quotes", a quote inside as two; RFC 4180 tells all of it.',
      { cause },
    );
  }
  return records;
}

async function* readNamed(lines: Iterable<Numbered>, path: string, options: TableOptions): AsyncGenerator<Row> {
  let columns: Fields | undefined;
  let rows = 0;
  for (const [fields, line] of lines) {
    if (columns === undefined) {
      const { headerless } = options;
      const named = headerless === undefined || fields.some(field => headerless.includes(field));
      columns = named ? fields : headerless;
      refuseNamesakes(columns, `${path}:${line}`);
      if (named) continue;
    }
    if (options.leaveOutShort && fields.length < columns.length) continue;
    refuseWrongWidth(fields, columns, `${path}:${line}`);
    rows += 1;
    yield { values: Object.fromEntries(columns.map((name, i) => [name, fields[i]!])), origin: `${path}:${line}` };
  }
  if (rows === 0) throw emptyTable(path, columns === undefined ? "only empty lines" : "only the names of columns");
}

function refuseNamesakes(columns: Fields, origin: string): void {
  const twice = columns.find((name, i) => name !== "" && columns.indexOf(name) < i);
  if (twice === undefined) return;
  throw new UserError("E_TABLE_ROW", `${origin}: two columns are called "${twice}"`, "Give each a name of its own.");
}

function refuseWrongWidth(fields: Fields, columns: Fields, origin: string): void {
  if (fields.length === columns.length) return;
  const few = fields.length < columns.length;
  throw new UserError(
    "E_TABLE_ROW",
    `${origin}: ${fields.length} fields, where the columns are ${columns.length} (${columns.join(", ")})`,
    few
      ? "The line was cut, or a text holds a line's end; write the row whole."
      : "A text holds the separator; quote it.",
  );
}

async function* readJsonLines(text: string, path: string): AsyncGenerator<Row> {
  let rows = 0;
  for (const [line, number] of splitLines(text)) {
    if (line.trim() === "") continue;
    rows += 1;
    yield { values: parseJsonLine(line, `${path}:${number}`), origin: `${path}:${number}` };
  }
  if (rows === 0) throw emptyTable(path, "only empty lines");
}

function parseJsonLine(line: string, origin: string): Values {
  let seen: string;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Values;
    seen = Array.isArray(value) ? "an array" : `${value}`;
  } catch (cause) {
    seen = (cause as Error).message;
  }
  throw new UserError(
    "E_JSON_LINE",
    `${origin}: this line is not a JSON object: ${seen}`,
    "A .jsonl file holds one JSON object a line; correct or remove this one.",
  );
}

async function* readParquet(bytes: Buffer, path: string): AsyncGenerator<Row> {
  const file = {
    byteLength: bytes.byteLength,
    slice: (start: number, end = bytes.byteLength) => new Uint8Array(bytes.subarray(start, end)).buffer,
  };
  const metadata = await parquetMetadataAsync(file).catch(cause => {
    throw damagedParquet(path, `a parquet ends with its index and "PAR1", which is not so here`, cause);
  });
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd }).catch(cause => {
      throw damagedParquet(path, `rows ${rowStart + 1} to ${rowEnd} cannot be read`, cause);
    });
    for (const [i, row] of rows.entries()) {
      yield { values: toJson(row) as Values, origin: `${path}:${rowStart + i + 1}` };
    }
    rowStart = rowEnd;
  }
  if (rowStart === 0) throw emptyTable(path, "a parquet of no rows");
}

function damagedParquet(path: string, seen: string, cause: unknown): UserError {
  return new UserError(
    "E_PARQUET",
    `${path}: a damaged or cut parquet: ${seen} (${(cause as Error).message})`,
    "The file was cut short, perhaps by an interrupted download; fetch it again.",
    { cause },
  );
}

/** Parquet's values as JSON would hold them; 64-bit integers become numbers. */
function toJson(value: unknown): Value {
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, toJson);
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, toJson(held)]));
}
