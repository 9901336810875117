// Whole numbers and names as programs give them: to JavaScript "2", NaN and -1 are as good as 2.

import { UserError } from "../base/errors.ts";
import { quoteValue } from "../base/printable.ts";

/** More are on no machine. */
export const mostThreads = 1024;

/** UserError E_OPTION for what is no whole number of the range; `name` is the option's. */
export function requireCount(value: unknown, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  // JSON has no NaN.
  const seen = typeof value === "number" ? String(value) : quoteValue(value);
  throw new UserError("E_OPTION", `${name} is ${seen}`, `Give a whole number ${range}.`);
}

/** UserError E_OPTION for what is none of the names; `name` is the option's. */
export function requireName<Name extends string>(value: Name, name: string, names: readonly Name[]): Name {
  if (names.includes(value)) return value;
  throw new UserError("E_OPTION", `${name} is ${quoteValue(value)}`, `There are ${names.join(", ")}.`);
}
