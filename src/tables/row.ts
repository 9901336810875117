// A row of a table, as every reader of this room gives it.

import { UserError } from "../base/errors.ts";

/** What a field may hold: text in .tsv and .csv, any JSON in the others. Integers that no number holds are texts of digits. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };
export type Values = Readonly<Record<string, Value>>;

export interface NumberedRow {
  readonly values: Values;
  /** The line it begins on; in a parquet file its number. From 1. */
  readonly line: number;
  /** What is wrong with it, where reading can go on behind it; it then has no values. */
  readonly broken?: UserError;
}

/** The row of a text in which bytes are not UTF-8. */
export const badRow = (path: string, line: number): NumberedRow =>
  brokenRow(
    new UserError(
      "E_UTF8",
      `${path}:${line}: not UTF-8 in this row`,
      "Convert the file to UTF-8, for example with iconv.",
    ),
    line,
  );

/** The place of a row that is none. */
export const brokenRow = (broken: UserError, line: number): NumberedRow => ({ values: {}, line, broken });

export interface Row extends NumberedRow {
  /** File and line ("MRPC/train.tsv:17"), in a parquet file and row. */
  readonly origin: string;
}
