// Reads the rows of an Arrow file, a batch at a time. It runs in a thread of its own (arrow.ts), because the library was not made
// for damaged files.

import { CompressionType, setCompressionCodec, tableFromIPC } from "@uwdata/flechette";
import { decompress } from "fzstd";
import type { NumberedRow, Values } from "../row.ts";
import { readArrowMessages } from "./arrow-messages.ts";
import { toJsonValue } from "./json-value.ts";
import { unpackLz4Frame } from "./lz4.ts";

export interface ArrowInput {
  /** Where its bytes lie. */
  readonly at: string;
  /** The columns to read, those of them that are there; absent, or where none is: all. */
  readonly columns: readonly string[] | undefined;
  /** Rows that are passed over. */
  readonly from: number;
}

const rowsPerBatch = 4096;
const mostBufferBytes = 2 ** 30;

const codecOf = (unpack: (bytes: Uint8Array, length: number) => Uint8Array) => ({
  encode: (): never => {
    throw new Error("nothing is written");
  },
  decode: (bytes: Uint8Array, length: number) => {
    if (!(length >= 0 && length <= mostBufferBytes)) throw new Error("a column of more than 1 GiB in one batch");
    return unpack(bytes, length);
  },
});

/** The rows in batches. Errors of any kind for a file that is damaged or of a kind that cannot be read. */
export function* readArrowRows({ at, columns, from }: ArrowInput): Generator<NumberedRow[]> {
  setCompressionCodec(CompressionType.LZ4_FRAME, codecOf(unpackLz4Frame));
  setCompressionCodec(
    CompressionType.ZSTD,
    codecOf((bytes, length) => decompress(bytes, new Uint8Array(length))),
  );
  const before: Uint8Array[] = [];
  let rows = 0;
  for (const { kind, bytes } of readArrowMessages(at)) {
    if (kind !== "rows") {
      before.push(bytes);
      continue;
    }
    const table = tableFromIPC([...before, bytes], { useBigInt: true, useDate: true });
    const count = table.numRows;
    const found = table.names.filter(name => columns?.includes(name) ?? true);
    const chosen = (found.length === 0 ? table.names : found).map(name => [name, table.getChild(name)] as const);
    for (let start = Math.max(0, from - rows); start < count; start += rowsPerBatch) {
      const batch: NumberedRow[] = [];
      for (let row = start; row < Math.min(count, start + rowsPerBatch); row++) {
        const values = Object.fromEntries(
          chosen.map(([name, column]) => [name, toJsonValue(column.at(row))]),
        ) as Values;
        batch.push({ values, line: rows + row + 1 });
      }
      yield batch;
    }
    rows += count;
  }
}
