// Parquet files of texts, of sequences and of vectors, written row group by row group: no more is held than one. The names of the columns are
// those that Hugging Face's trainers look for.

import type { ColumnSource } from "hyparquet-writer";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { FileDraft } from "../base/files/files.ts";

type Schema = ConstructorParameters<typeof ParquetWriter>[0]["schema"];

export interface ParquetRows<Row> {
  /** Adds a row, and says how much the file holds: of texts UTF-16 units, of sequences rows. */
  add(row: Row): number;
  /** Gives the file its name; returns its rows. */
  commit(): number;
  abandon(): void;
}

const stringColumn = (name: string) =>
  ({ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" }) as const;

const textSchema: Schema = [{ name: "root", num_children: 1 }, stringColumn("text")];

const sequenceSchema: Schema = [
  { name: "root", num_children: 1 },
  { name: "input_ids", converted_type: "LIST", repetition_type: "REQUIRED", num_children: 1 },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "INT32", repetition_type: "REQUIRED" },
];

const makeVectorSchema = (hasSources: boolean): Schema => [
  { name: "root", num_children: hasSources ? 3 : 2 },
  stringColumn("text"),
  ...(hasSources ? [stringColumn("source")] : []),
  { name: "vector", converted_type: "LIST", repetition_type: "REQUIRED", num_children: 1 },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
];

/** Of a row group. */
const textOfGroup = 2 ** 24;
const sequencesOfGroup = 2 ** 13;
const numbersOfGroup = 2 ** 21;

/** A column "text". UserErrors: E_DISK_FULL, E_NOT_WRITABLE, from every function. */
export const openTextRows = (path: string): ParquetRows<string> =>
  openRows(path, textSchema, { text: text => text }, text => text.length, textOfGroup);

/** A column "input_ids", a list of int32. */
export const openSequenceRows = (path: string): ParquetRows<number[]> =>
  openRows(path, sequenceSchema, { input_ids: ids => ids }, () => 1, sequencesOfGroup);

export interface VectorRow {
  readonly text: string;
  readonly source?: string | undefined;
  readonly vector: number[];
}

/** Columns "text", "source" where rows have one, and "vector", a list of float32. */
export const openVectorRows = (path: string, hasSources: boolean): ParquetRows<VectorRow> =>
  openRows<VectorRow>(
    path,
    makeVectorSchema(hasSources),
    {
      text: ({ text }) => text,
      ...(hasSources && { source: ({ source }) => source }),
      vector: ({ vector }) => vector,
    },
    ({ vector }) => vector.length,
    numbersOfGroup,
  );

function openRows<Row>(
  path: string,
  schema: Schema,
  columns: Readonly<Record<string, (row: Row) => unknown>>,
  sizeOf: (row: Row) => number,
  sizeOfGroup: number,
): ParquetRows<Row> {
  const draft = new FileDraft(path);
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({ writer: bytes, schema, createdBy: "cramming", statistics: false });
  let group: Row[] = [];
  let groupSize = 0;
  let size = 0;
  let count = 0;
  const flush = () => {
    draft.write(bytes.getBytes());
    bytes.index = 0; // `offset` goes on counting
  };
  const writeGroup = () => {
    if (group.length === 0) return;
    const columnData = Object.entries(columns).map(
      ([name, read]): ColumnSource => ({ name, data: group.map(read), encoding: "PLAIN" }),
    );
    parquet.write({ columnData, rowGroupSize: group.length });
    flush();
    group = [];
    groupSize = 0;
  };
  return {
    add: row => {
      group.push(row);
      count++;
      size += sizeOf(row);
      groupSize += sizeOf(row);
      if (groupSize >= sizeOfGroup) writeGroup();
      return size;
    },
    commit: () => {
      writeGroup();
      parquet.finish();
      flush();
      draft.commit();
      return count;
    },
    abandon: () => draft.abandon(),
  };
}
