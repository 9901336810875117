// What parts the fields of a .csv: a comma, or what its first lines show. A spreadsheet set to a language that writes 0,5 parts
// them by semicolons, and calls that .csv.

import { type NumberedRecord, parseRecords } from "./delimited.ts";

export const separators = [",", ";", "\t", "|"] as const;
export type Separator = (typeof separators)[number];

const beginningLength = 1 << 16;

/**
 * The separator of a text by its beginning: of those by which the first row has as many fields as the names before it, the one
 * that makes the most.
 */
export function findSeparator(beginning: string): Separator {
  const judged = separators.map(separator => {
    const [names, row] = readFirst(beginning.slice(0, beginningLength), separator);
    const width = names?.fields.length ?? 0;
    return { separator, width, fits: row === undefined || row.fields.length === width };
  });
  const best = judged.reduce((a, b) => ((Number(b.fits) - Number(a.fits) || b.width - a.width) > 0 ? b : a));
  // A single column needs no separator, and fits with each.
  return best.width > 1 ? best.separator : (judged.find(({ width }) => width > 1)?.separator ?? ",");
}

function readFirst(text: string, separator: Separator): readonly NumberedRecord[] {
  return parseRecords(text, { separator, quotes: true, longestRecord: beginningLength }, 2);
}
