// Texts, the paths of texts or runs, and options that are lists, as programs without types give them: to JavaScript one of them is a list of its letters.

import { UserError } from "../base/errors.ts";

/** UserError E_OPTION for what is no list of strings; `noun` says what they are. */
export function requireList(
  values: unknown,
  noun: "text" | "source" | "run" | "filter" | "column" | "setting",
): readonly string[] {
  if (Array.isArray(values) && values.every(value => typeof value === "string")) return values;
  const seen = typeof values === "string" ? `one ${noun}` : `no list of ${noun}s`;
  throw new UserError(
    "E_OPTION",
    `${seen} was given where a list of ${noun}s is read`,
    `Give a list: ["the ${noun}"].`,
  );
}
