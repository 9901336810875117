// What stands between the documents of a text file, as it is written in options.

import { separators } from "../../corpus/sources/formats/separators.ts";

/** "blank-line", "line", or the text itself. */
export function parseSeparator(separator: string): RegExp {
  if (separator === "blank-line" || separator === "line") return separators[separator];
  return new RegExp(separator.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}
