// How a shard is read, whatever it is.

import type { TableFormat } from "../../tables/table.ts";
import type { LineCounter } from "./ranges/line-counter.ts";

export const tableFormats = ["json", "csv", "tsv", "parquet", "arrow"] as const satisfies readonly TableFormat[];
/** What files may be said to be, whatever their names and contents say. */
export const chosenFormats = ["text", "jsonl", "html", ...tableFormats] as const;
export type ChosenFormat = (typeof chosenFormats)[number];

export interface ReadOptions {
  /** Told of the bytes that were read of files, as they lie on the disk. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** What every file is; absent: what its name says, or its content. */
  readonly format?: ChosenFormat | undefined;
  /** The field or column of the text; "data.text" is the field text of the object data. */
  readonly textField: string;
  /** What stands between the documents of a text file; absent: a file is one document. */
  readonly separator?: RegExp | undefined;
  /** Whether all white space is deleted, as an option of the reference does. */
  readonly removeWhitespace?: boolean | undefined;
  /** Whether broken lines and files are counted and passed over instead of refused. */
  readonly skipBroken?: boolean | undefined;
  /** Whether a file in a folder that cannot be read, or is none with a text, is an error. */
  readonly strict?: boolean | undefined;
  /** Counts for ranges of a file that are read one after another. */
  readonly lineCounter?: LineCounter | undefined;
}
