// The rows of a parquet file, parsed in a bounded thread: whatever is damaged in it, there is an answer in time. Of a file whose
// bytes have to be brought, the index at its end comes first, and then only the columns that are wanted, some groups of rows ahead.

import { closeSync, readSync } from "node:fs";
import { UserError } from "../../base/errors.ts";
import { openForReading } from "../../base/files/files.ts";
import { lookAt, reading } from "../../base/files/read-failure.ts";
import { makePrintable } from "../../base/printable.ts";
import { BoundedWorkError, runBounded, siblingModule } from "../../base/threads/bounded-worker.ts";
import type { Bring, LocalBytes } from "../bytes.ts";
import type { NumberedRow } from "../row.ts";
import { breakRows, type ColumnRow } from "./column-text.ts";
import type { ParquetGroup, ParquetInput } from "./parquet-rows.ts";

/** The rows in batches. UserErrors: E_PARQUET, those of reading a file. */
export async function* readParquet(
  { file, ...options }: Omit<ParquetInput, "at" | "groupsEnd"> & { readonly file: LocalBytes },
  signal?: AbortSignal,
): AsyncGenerator<NumberedRow[]> {
  const input = { at: file.path, ...options };
  let rows = 0;
  try {
    for await (const batch of file.bring === undefined
      ? readRows(input, signal)
      : bringRows(input, file.bring, signal)) {
      rows += batch.length;
      if (batch.length > 0) yield breakRows(batch, input.path);
    }
  } catch (cause) {
    if (!(cause instanceof BoundedWorkError)) throw cause;
    throw explainFailure(cause, input.path, rows);
  }
}

/** How many rows a file has, by the index at its end. UserErrors as of `readParquet`. */
export async function countParquetRows(path: string, file: LocalBytes): Promise<number> {
  try {
    const input = { path, at: file.path, from: 0, columns: undefined };
    if (file.bring !== undefined) await bringIndex(input, file.bring);
    return (await listGroups(input)).reduce((sum, group) => sum + group.rows, 0);
  } catch (cause) {
    if (!(cause instanceof BoundedWorkError)) throw cause;
    throw explainFailure(cause, path, 0);
  }
}

const module = siblingModule(import.meta.url, "parquet-rows");
const readRows = (input: ParquetInput, signal: AbortSignal | undefined) =>
  runBounded<ColumnRow[]>({ module, name: "readParquetRows", input }, signal);

async function listGroups(input: ParquetInput, signal?: AbortSignal): Promise<ParquetGroup[]> {
  const index = runBounded<ParquetGroup[]>({ module, name: "listParquetGroups", input }, signal);
  const { value: groups = [] } = (await index.next()) as { value?: ParquetGroup[] };
  await index.return(undefined);
  return groups;
}

/** Bytes of the groups of rows that are brought and read together: a thread is begun for each such part. */
const bytesPerPart = 32 * 2 ** 20;

async function* bringRows(input: ParquetInput, bring: Bring, signal: AbortSignal | undefined) {
  await bringIndex(input, bring);
  const groups = await listGroups(input, signal);
  const parts = cutIntoParts(groups, input.from);
  const bringPart = async ({ ranges }: Part) => {
    for (const [start, end] of ranges) await bring(start, end);
  };
  let coming = parts.length > 0 ? bringPart(parts[0]!) : undefined;
  for (const [i, { from, groupsEnd }] of parts.entries()) {
    await coming;
    const next = parts[i + 1];
    coming = next === undefined ? undefined : bringPart(next);
    coming?.catch(() => {}); // met when it is waited for
    yield* readRows({ ...input, from, groupsEnd }, signal);
  }
}

/** The index at the end: its length, then a word that every parquet ends with. What is none, the library says. */
async function bringIndex({ path, at }: ParquetInput, bring: Bring): Promise<void> {
  await bring(0, 0);
  const bytes = lookAt(at)?.size ?? 0;
  await bring(Math.max(0, bytes - 8), bytes);
  const file = openForReading(at, "text");
  try {
    const end = Buffer.alloc(8);
    reading(path, "text", () => readSync(file, end, 0, 8, Math.max(0, bytes - 8)));
    await bring(Math.max(0, bytes - 8 - end.readUInt32LE(0)), bytes);
  } finally {
    closeSync(file);
  }
}

interface Part {
  readonly from: number;
  readonly groupsEnd: number;
  readonly ranges: ParquetGroup["ranges"];
}

/** From the group of rows on in which `from` lies. */
function cutIntoParts(groups: readonly ParquetGroup[], from: number): Part[] {
  const parts: Part[] = [];
  let [rowsEnd, partFrom, bytes] = [0, from, 0];
  let ranges: ParquetGroup["ranges"][number][] = [];
  for (const [i, group] of groups.entries()) {
    rowsEnd += group.rows;
    if (rowsEnd <= from) continue;
    ranges.push(...group.ranges);
    bytes += group.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
    if (bytes < bytesPerPart && i < groups.length - 1) continue;
    parts.push({ from: partFrom, groupsEnd: i + 1, ranges });
    [ranges, bytes, partFrom] = [[], 0, rowsEnd];
  }
  return parts;
}

function explainFailure(cause: BoundedWorkError, path: string, rows: number): UserError {
  if (cause.reason === "memory") {
    return new UserError(
      "E_PARQUET",
      `${path}: the rows after ${rows} want more memory than one group of rows may have`,
      "Write it with smaller groups (row_group_size=10000 in pyarrow); or it is damaged, then fetch it again.",
      { cause },
    );
  }
  const seen = makePrintable(cause.message, 120);
  return new UserError(
    "E_PARQUET",
    `${path}: a damaged or cut parquet: nothing can be read after row ${rows} (${seen})`,
    "The file was cut short or changed, perhaps by an interrupted download; fetch it again.",
    { cause },
  );
}
