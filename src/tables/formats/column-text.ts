// The texts of columns, strictly: a library would put a replacement character for what is not UTF-8, and drop the mark that a text
// may begin with.

import { isUtf8 } from "node:buffer";
import { UserError } from "../../base/errors.ts";
import { brokenRow, type NumberedRow, type Values } from "../row.ts";
import { findInvalidByte, showBytes } from "../utf8.ts";
import { toJsonValue } from "./json-value.ts";

/** Bytes of a column that are no text. */
export class NoText extends Uint8Array {}

export function decodeText(bytes: Uint8Array): string | NoText {
  if (!isUtf8(bytes)) return new NoText(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** A row as a thread gives it, where an error has no place. */
export interface ColumnRow extends NumberedRow {
  /** The column that was asked for and is not UTF-8, and where it is not. */
  readonly notUtf8?: string;
}

/** The row of values as a library gives them. What is no text is the list of its bytes, and broken in a column of `asked`. */
export function makeRow(
  fields: readonly (readonly [name: string, value: unknown])[],
  line: number,
  asked: readonly string[] | undefined,
): ColumnRow {
  const values = Object.fromEntries(fields.map(([name, value]) => [name, toJsonValue(value)])) as Values;
  if (asked === undefined) return { values, line };
  for (const [name, value] of fields) {
    if (!(value instanceof NoText) || !asked.includes(name)) continue;
    const at = findInvalidByte(Buffer.from(value));
    return {
      values,
      line,
      notUtf8: `"${name}" is not UTF-8 at byte ${at} of its text (${showBytes(value, at)})`,
    };
  }
  return { values, line };
}

/** The rows, those broken whose text is none: E_UTF8. */
export const breakRows = (rows: readonly ColumnRow[], path: string): NumberedRow[] =>
  rows.map(({ values, line, notUtf8 }) => {
    if (notUtf8 === undefined) return { values, line };
    const advice = "Write the column as UTF-8, or leave that row out; --skip-broken counts and passes over it.";
    return brokenRow(new UserError("E_UTF8", `${path}:${line}: ${notUtf8}`, advice), line);
  });
