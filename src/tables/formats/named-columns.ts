// Records to rows: the first names the columns, and every other has a field for each of them.

import { UserError } from "../../base/errors.ts";
import { countOf } from "../../base/printable.ts";
import { badRow, brokenRow, type NumberedRow } from "../row.ts";
import { hasBad } from "../text.ts";
import type { NumberedRecord } from "./delimited.ts";
import type { Separator } from "./separator.ts";

export interface NamingOptions {
  readonly separator: Separator;
  readonly quotes: boolean;
  readonly columns?: readonly string[];
  readonly headerless?: readonly string[];
  readonly leaveOutShort?: boolean;
  readonly keepBroken?: boolean;
}

/** The rows; one of another width is a broken one. UserError E_TABLE_ROW for two columns of one name. */
export async function* nameColumns(
  batches: AsyncIterable<readonly NumberedRecord[]>,
  path: string,
  options: NamingOptions,
): AsyncGenerator<NumberedRow[]> {
  const { headerless, leaveOutShort, keepBroken } = options;
  let names: readonly string[] | undefined;
  let opensQuote = false;
  let wanted: readonly (readonly [name: string, at: number])[] = [];
  for await (const batch of batches) {
    const rows: NumberedRow[] = [];
    for (const { fields, line, broken } of batch) {
      if (broken !== undefined) {
        // Of columns that nobody knows there is no row.
        if (names === undefined && headerless === undefined) throw broken;
        rows.push(brokenRow(broken, line));
        continue;
      }
      if (names === undefined) {
        const named = headerless === undefined || fields.some(field => headerless.includes(field));
        names = named ? fields : headerless;
        refuseNamesakes(names, `${path}:${line}`);
        const chosen = options.columns === undefined ? undefined : new Set(options.columns);
        wanted = [...names.entries()].flatMap(([at, name]) =>
          chosen?.has(name) === false ? [] : [[name, at] as const],
        );
        if (named) continue;
      }
      // What a row of quotes without an end is the beginning of, where its text has a line's end.
      opensQuote ||= !options.quotes && fields.some(field => field.startsWith('"'));
      if (leaveOutShort === true && fields.length < names.length) continue;
      if (keepBroken === true && fields.some(hasBad)) {
        rows.push(badRow(path, line));
        continue;
      }
      if (fields.length !== names.length) {
        rows.push(brokenRow(explainWidth(fields, names, `${path}:${line}`, options, opensQuote), line));
        continue;
      }
      rows.push({ values: Object.fromEntries(wanted.map(([name, at]) => [name, fields[at]!])), line });
    }
    if (rows.length > 0) yield rows;
  }
}

function refuseNamesakes(names: readonly string[], origin: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name !== "" && seen.has(name)) {
      throw new UserError(
        "E_TABLE_ROW",
        `${origin}: two columns are called "${name.slice(0, 60)}"`,
        "Give each a name of its own.",
      );
    }
    seen.add(name);
  }
}

function explainWidth(
  fields: readonly string[],
  names: readonly string[],
  origin: string,
  { separator, quotes }: NamingOptions,
  opensQuote: boolean,
): UserError {
  const mark = separator === "\t" ? "a tab" : `"${separator}"`;
  return new UserError(
    "E_TABLE_ROW",
    `${origin}: ${countOf(fields.length, "field")}, where the columns are ${names.length} (${listNames(names)})`,
    opensQuote
      ? "In a .tsv a quote is a character like any other; cram prepare --format csv reads one whose fields stand in quotes."
      : fields.length < names.length
        ? "The line was cut, or a text holds a line's end; write the row whole."
        : quotes
          ? `A text holds ${mark}, which parts fields here; put it in quotes.`
          : "A text holds a tab: replace it by a space, or write a .csv, where it can stand in quotes.",
  );
}

/** Names of columns for a message; one whose ends would not be seen stands in quotes. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 12).map(name => {
    const short = name.length > 40 ? `${name.slice(0, 40)}…` : name;
    return name === "" || name.trim() !== name || name.includes(",") ? `"${short}"` : short;
  });
  return shown.join(", ") + (names.length > 12 ? ", …" : "");
}
