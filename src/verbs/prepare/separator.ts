// What stands between the documents of a text file, as it is written in options.

/** "blank-line", "line", or the text itself. */
export function parseSeparator(separator: string): RegExp {
  if (separator === "blank-line") return /\r?\n[ \t]*\r?\n/;
  if (separator === "line") return /\r?\n/;
  return new RegExp(separator.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}
