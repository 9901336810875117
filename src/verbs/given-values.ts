// Arguments, options, whole numbers, names and lists as programs without types give them: to JavaScript "2", NaN and -1 are as good as 2,
// "false" is true, a text is a list of its letters, and an option that nobody reads is as good as one that somebody does.

import { nearestNames, UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";
import { requireKind, type ValueKindName, valueKinds } from "../base/value-kinds.ts";

/** What lists hold: texts, the paths of texts or runs, settings, names. */
type ListNoun =
  | "text"
  | "source"
  | "run"
  | "filter"
  | "file"
  | "task"
  | "column"
  | "setting"
  | "format"
  | "type"
  | "origin";

/** Every name that options may have, of a union those of all its parts, and the kind of each, as its type says. */
export type OptionKinds<Options> = {
  readonly [Name in Options extends unknown ? keyof Options : never]: KindOf<OptionOf<Options, Name>>;
};
type OptionKind = ValueKindName | `list of ${ListNoun}s` | "read later";
type OptionOf<Options, Name> = Options extends unknown
  ? Name extends keyof Options
    ? Exclude<Options[Name], undefined>
    : never
  : never;
type KindOf<Value> = [Value] extends [string]
  ? "text" | "path"
  : [Value] extends [number]
    ? "number"
    : [Value] extends [boolean]
      ? "flag"
      : [Value] extends [(...given: never) => unknown]
        ? "function"
        : [Value] extends [AbortSignal]
          ? "signal"
          : [Value] extends [readonly string[]]
            ? `list of ${ListNoun}s`
            : "read later";

/**
 * A path, a name or an address that a call does nothing without; `noun` says what it is. UserError E_OPTION for anything else, with the
 * advice.
 */
export function requireText(call: string, value: unknown, noun: string, advice: string): string {
  if (valueKinds.path.holds(value)) return value as string;
  const isGiven = value !== undefined && value !== null;
  throw new UserError(
    "E_OPTION",
    `${call}: ${isGiven ? `its ${noun} is ${quoteValue(value)}` : `no ${noun} is given`}`,
    advice,
  );
}

/** The folder of a model that a call reads. UserError E_OPTION. */
export const requireModelFolder = (call: string, folder: unknown) =>
  requireText(call, folder, "folder", "Give the path of a run, an export or another model.");

/**
 * The options of a call that are given: null is none, as undefined is. UserError E_OPTION for one that the call does not have, as
 * the command line says of a flag, and for a value of another kind.
 */
export function readOptions<Options extends object>(
  call: string,
  options: Options | undefined,
  kinds: OptionKinds<Options>,
): Options {
  const given: Record<string, unknown> = {};
  if (Array.isArray(options) || (options !== null && options !== undefined && typeof options !== "object")) {
    throw new UserError("E_OPTION", `${call}: its options are ${quoteValue(options)}`, "Give an object.");
  }
  const known: Readonly<Record<string, OptionKind>> = kinds;
  for (const name in options) {
    if (!Object.hasOwn(known, name)) {
      const near = nearestNames(name, Object.keys(known));
      throw new UserError(
        "E_OPTION",
        `${call} has no option ${quoteValue(name)}`,
        near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `There are ${Object.keys(known).join(", ")}.`,
      );
    }
    const value: unknown = options[name];
    if (value === null || value === undefined) continue;
    requireOption(value, name, known[name]!);
    given[name] = value;
  }
  return given as Options;
}

/** UserError E_OPTION for a value of another kind. */
function requireOption(value: unknown, name: string, kind: OptionKind): void {
  if (kind === "read later") return;
  const noun = /^list of (.*)s$/.exec(kind)?.[1];
  if (noun === undefined) requireKind(value, kind as ValueKindName, name, "E_OPTION");
  else requireList(value, noun as ListNoun);
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

/** UserError E_OPTION for what is no list of strings; `noun` says what they are. */
export function requireList(values: unknown, noun: ListNoun): readonly string[] {
  if (Array.isArray(values) && values.every(value => typeof value === "string")) return values;
  const seen = typeof values === "string" ? `one ${noun}` : `no list of ${noun}s`;
  throw new UserError(
    "E_OPTION",
    `${seen} was given where a list of ${noun}s is read`,
    `Give a list: ["the ${noun}"].`,
  );
}
