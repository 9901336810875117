// The rows of an Arrow file, parsed in a bounded thread: whatever is damaged in it, there is an answer in time.

import { UserError } from "../../base/errors.ts";
import { lookAt } from "../../base/files/read-failure.ts";
import { makePrintable } from "../../base/printable.ts";
import { BoundedWorkError, runBounded, siblingModule } from "../../base/threads/bounded-worker.ts";
import type { LocalBytes } from "../bytes.ts";
import type { NumberedRow } from "../row.ts";
import type { ArrowInput } from "./arrow-rows.ts";
import { breakRows, type ColumnRow } from "./column-text.ts";

const module = siblingModule(import.meta.url, "arrow-rows");

/** The rows in batches. A file whose bytes have to be brought is brought whole. UserErrors: E_ARROW, those of reading a file. */
export async function* readArrow(
  path: string,
  { file, ...options }: Omit<ArrowInput, "at"> & { readonly file: LocalBytes },
  signal?: AbortSignal,
): AsyncGenerator<NumberedRow[]> {
  await file.bring?.(0, 0);
  await file.bring?.(0, lookAt(file.path)?.size ?? 0);
  let rows = options.from;
  try {
    const input: ArrowInput = { at: file.path, ...options };
    for await (const batch of runBounded<ColumnRow[]>({ module, name: "readArrowRows", input }, signal)) {
      rows += batch.length;
      if (batch.length > 0) yield breakRows(batch, path);
    }
  } catch (cause) {
    if (!(cause instanceof BoundedWorkError)) throw cause;
    throw new UserError(
      "E_ARROW",
      `${path}: nothing can be read after row ${rows} (${makePrintable(cause.message, 120)})`,
      cause.reason === "memory"
        ? "Write it with smaller batches (max_chunksize=1000 in pyarrow's write_table)."
        : "It was cut short or changed, perhaps by an interrupted download; fetch it again, or save it as parquet.",
      { cause },
    );
  }
}
