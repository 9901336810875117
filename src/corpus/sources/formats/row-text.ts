// The text of a row of JSON or of a table, and whether the row is wanted.

import { UserError } from "../../../base/errors.ts";
import { isColumnar, tableFormat } from "../../../tables/table.ts";
import { type Place, repairSurrogates } from "../../../tables/utf8.ts";
import { hubPrefix } from "../hub/hub-address.ts";
import { findField } from "./fields.ts";

export interface RowChoice {
  readonly textField: string;
  /** Rows are wanted whose fields, by their names, are among these. */
  readonly where?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Of a row: the file and the line. */
export type RowPlace = Pick<Place, "path" | "line">;

export const describeRow = ({ path, line }: RowPlace): string => `${path}:${line}`;

/** The text of a row; undefined for one that is not wanted. UserErrors E_TEXT_FIELD, E_READY_MADE. */
export function findText(row: unknown, { textField, where }: RowChoice, place: RowPlace): string | undefined {
  for (const [name, wanted] of Object.entries(where ?? {})) {
    const value = findField(row, name);
    if (value === undefined) throw refuseField(row, name, place, "no field");
    if (!wanted.includes(String(value))) return undefined;
  }
  const text = findField(row, textField);
  if (typeof text === "string") return repairSurrogates(text);
  throw refuseField(row, textField, place, text === null ? "null in the field" : "no text in the field");
}

/** The columns of a table that are read: by their names, or by what stands before the first dot of one. */
export const listColumns = ({ textField, where }: RowChoice): string[] =>
  [textField, ...Object.keys(where ?? {})].flatMap(name => [name, name.split(".", 1)[0]!]);

function refuseField(row: unknown, name: string, place: RowPlace, seen: string): UserError {
  if (isMixture(row)) {
    return new UserError(
      "E_TEXT_FIELD",
      `${describeRow(place)}: no text, but a mixture of sources by its content`,
      "A mixture is read as one by its name: call it mix.json, or as in books-mix.json or books.mix.json.",
    );
  }
  if (Array.isArray(Object(row).input_ids) && !hasText(row)) {
    return new UserError(
      "E_READY_MADE",
      `${describeRow(place)}: ids of a tokenizer (input_ids), and ${seen} "${name}"`,
      `${adviseOnIds(place)}; or prepare their text.`,
    );
  }
  return new UserError(
    "E_TEXT_FIELD",
    `${describeRow(place)}: ${seen} "${name}"; this line has ${describeFields(row)}`,
    `${seen.startsWith("null") ? "Leave the row out, or name another field" : "Name the field that holds the text"} with --text-field; --skip-broken counts and passes over rows without one.`,
  );
}

/** Whether a field may be meant as the text: names, numbers and hashes have no blank, and letters of ASCII alone. */
const hasText = (row: unknown): boolean =>
  Object.values(Object(row)).some(value => typeof value === "string" && /[\s\u0080-\uffff]/.test(value));

/** How such a source would be copied as it is. */
function adviseOnIds({ path }: RowPlace): string {
  if (path.startsWith(hubPrefix))
    return "A repository of the hub is copied as it is where it is named whole, as hf:owner/name, and has tokenizer/tokenizer.json";
  return isColumnar(tableFormat(path))
    ? "Put the tokenizer.json that made them into their folder, and give the folder alone: it is copied as it is"
    : "Files of ids are copied as they are that end in .parquet or .arrow, alone, with the tokenizer.json that made them in their folder";
}

/** Whether it says what a mix.json says. */
function isMixture(row: unknown): boolean {
  const { sources } = Object(row) as { readonly sources?: unknown };
  return Array.isArray(sources) && sources.some(each => typeof Object(each).source === "string");
}

const describeKind = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "list" : typeof value;

function describeFields(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return value === null ? "null" : `a ${typeof value}`;
  const fields = Object.entries(value).map(([name, held]) => `${name} (${describeKind(held)})`);
  return fields.slice(0, 8).join(", ").slice(0, 200) || "no field";
}
