// Options, whole numbers, names and lists as programs without types give them: to JavaScript "2", NaN and -1 are as good as 2, a text is
// a list of its letters, and an option that nobody reads is as good as one that somebody does.

import { nearestNames, UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";

/** Every name that options may have: of a union those of all its parts. */
export type OptionNames<Options> = Readonly<Record<Options extends unknown ? keyof Options : never, true>>;

/**
 * The options of a call that are given: null is none, as undefined is. UserError E_OPTION for one that the call does not have, as
 * the command line says of a flag.
 */
export function readOptions<Options extends object>(
  call: string,
  options: Options | undefined,
  names: OptionNames<Options>,
): Options {
  const given: Record<string, unknown> = {};
  if (options !== null && options !== undefined && typeof options !== "object") {
    throw new UserError("E_OPTION", `${call}: its options are ${quoteValue(options)}`, "Give an object.");
  }
  for (const name in options) {
    if (!Object.hasOwn(names, name)) {
      const near = nearestNames(name, Object.keys(names));
      throw new UserError(
        "E_OPTION",
        `${call} has no option ${quoteValue(name)}`,
        near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `There are ${Object.keys(names).join(", ")}.`,
      );
    }
    if (options[name] !== null && options[name] !== undefined) given[name] = options[name];
  }
  return given as Options;
}

/** More are on no machine. */
export const mostThreads = 1024;

/** UserError E_OPTION for what is no whole number of the range; `name` is the option's. */
export function requireCount(value: unknown, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new UserError("E_OPTION", `${name} is ${quoteValue(value)}`, `Give a whole number ${range}.`);
}

/** UserError E_OPTION for what is none of the names; `name` is the option's. */
export function requireName<Name extends string>(value: Name, name: string, names: readonly Name[]): Name {
  if (names.includes(value)) return value;
  throw new UserError("E_OPTION", `${name} is ${quoteValue(value)}`, `There are ${names.join(", ")}.`);
}

/** Texts, the paths of texts or runs, and options that are lists. UserError E_OPTION for what is no list of strings; `noun` says what they are. */
export function requireList(
  values: unknown,
  noun: "text" | "source" | "run" | "filter" | "file" | "task" | "column" | "setting" | "format" | "type" | "origin",
): readonly string[] {
  if (Array.isArray(values) && values.every(value => typeof value === "string")) return values;
  const seen = typeof values === "string" ? `one ${noun}` : `no list of ${noun}s`;
  throw new UserError(
    "E_OPTION",
    `${seen} was given where a list of ${noun}s is read`,
    `Give a list: ["the ${noun}"].`,
  );
}
