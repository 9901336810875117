// Reads the rows of an Arrow file, a batch at a time. It runs in a thread of its own (arrow.ts), because the library was not made
// for damaged files.

import {
  batchType,
  binary,
  binaryView,
  CompressionType,
  largeBinary,
  largeUtf8,
  setCompressionCodec,
  tableFromIPC,
  utf8,
  utf8View,
} from "@uwdata/flechette";
import { decompress } from "fzstd";
import { readArrowMessages } from "./arrow-messages.ts";
import { type ColumnRow, decodeText, makeRow } from "./column-text.ts";
import { unpackLz4Frame } from "./lz4.ts";

export interface ArrowInput {
  /** Where its bytes lie. */
  readonly at: string;
  /** The columns to read, those of them that are there; absent, or where none is: all. */
  readonly columns: readonly string[] | undefined;
  /** Rows that are passed over. */
  readonly from: number;
}

// Both kinds of columns hold texts: the bytes of the one as of the other.
for (const [bytes, text] of [
  [binary(), utf8()],
  [largeBinary(), largeUtf8()],
  [binaryView(), utf8View()],
] as const) {
  const prototypes = [bytes, text].map(type => (batchType(type) as ValueBatch).prototype);
  const { value } = prototypes[0]!;
  for (const prototype of prototypes) {
    prototype.value = function (index) {
      return decodeText(value.call(this, index) as Uint8Array);
    };
  }
}

/** How a library takes a value out of a batch. */
interface ValueBatch {
  readonly prototype: { value(index: number): unknown };
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
export function* readArrowRows({ at, columns, from }: ArrowInput): Generator<ColumnRow[]> {
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
      const batch: ColumnRow[] = [];
      for (let row = start; row < Math.min(count, start + rowsPerBatch); row++) {
        const fields = chosen.map(([name, column]) => [name, column.at(row) as unknown] as const);
        batch.push(makeRow(fields, rows + row + 1, columns));
      }
      yield batch;
    }
    rows += count;
  }
}
