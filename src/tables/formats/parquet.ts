// The rows of a parquet file, parsed in a bounded thread: whatever is damaged in it, there is an answer in time.

import { BoundedWorkError, runBounded, siblingModule } from "../../base/bounded-worker.ts";
import { UserError } from "../../base/errors.ts";
import { makePrintable } from "../../base/printable.ts";
import type { NumberedRow } from "../row.ts";
import type { ParquetInput } from "./parquet-rows.ts";

/** The rows in batches. UserErrors: E_PARQUET, those of reading a file. */
export async function* readParquet(input: ParquetInput, signal?: AbortSignal): AsyncGenerator<NumberedRow[]> {
  let rows = 0;
  try {
    const module = siblingModule(import.meta.url, "parquet-rows");
    for await (const batch of runBounded<NumberedRow[]>({ module, name: "readParquetRows", input }, signal)) {
      rows += batch.length;
      if (batch.length > 0) yield batch;
    }
  } catch (cause) {
    if (!(cause instanceof BoundedWorkError)) throw cause;
    throw explainFailure(cause, input.path, rows);
  }
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
