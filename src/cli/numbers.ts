// Numbers that options have, out of their text. Verbs that compute nothing read theirs without loading backends.

import { UserError } from "../base/errors.ts";

/** More are on no machine. */
export const mostThreads = 1024;

/** Reads a whole number that an option needs. */
export function parseCount(option: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(count) && count >= least && count <= most) return count;
  throw new UserError(
    "E_OPTION",
    `${option} ${text}: not a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`}`,
    "Give another.",
  );
}

/** A number of which the verb knows the range. UserError E_OPTION. */
export function parseNumber(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new UserError("E_OPTION", `${option} ${text}: not a number`, "Give another.");
}

/** Bytes of "2GiB", "512M" or "1000000": units are powers of 1024. UserError E_OPTION. */
export function parseBytes(option: string, text: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?$/i.exec(text.trim()) ?? [];
  if (digits !== undefined) return Math.round(Number(digits) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " "));
  throw new UserError("E_OPTION", `${option} ${text}: not a number of bytes`, "Write it as in 2GiB or 512MiB.");
}
