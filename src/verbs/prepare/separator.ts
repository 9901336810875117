// What stands between the documents of a text file, as it is written in options.

import { UserError } from "../../base/errors.ts";
import { separators } from "../../corpus/sources/formats/separators.ts";

/** "blank-line", "line", or the text itself. UserError E_OPTION for none, which stands everywhere. */
export function parseSeparator(separator: string): RegExp {
  if (separator === "blank-line" || separator === "line") return separators[separator];
  if (separator === "") {
    const advice = 'Give what stands between documents, as in --document-separator blank-line or "-----".';
    throw new UserError("E_OPTION", '--document-separator "": no text', advice);
  }
  return new RegExp(separator.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}
