// Numbers that options have, out of their text. Verbs that compute nothing read theirs without loading backends. What is refused is
// said in one way: the option once with its value as it was typed, why, and an example that would do.

import { UserError } from "../base/errors.ts";
import { quoteCommand } from "../base/shell-words.ts";

/** Of options whose least number is no sensible one. */
const examples: Readonly<Record<string, string>> = {
  ...{ "--vocabulary": "8192", "--sequence-length": "128", "--alphabet-limit": "1000", "--micro-batch": "64" },
  ...{ "--compressibility": "0.25", "--near-duplicates": "0.8", "--repeated": "100", "--hold-out": "0.01" },
  ...{ "--memory": "2GiB", "--limit-bytes": "512MiB", "--port": "6117", "--top": "5", "--max-train": "1000" },
  ...{ "--batch-texts": "16", "--threads": "2", "--seeds": "3" },
};

/** UserError E_OPTION: `needed` is what would do, "a whole number from 1". */
export function refuseValue(option: string, text: string, why: string, needed: string, example = ""): UserError {
  const shown = example || examples[option];
  return new UserError(
    "E_OPTION",
    `${quoteCommand(option, text)}: ${why}`,
    `Give ${needed}${shown === undefined ? "" : `, as in ${option} ${shown}`}.`,
  );
}

/** Why a text is no whole number of a range; undefined where it is one. */
export function explainCount(text: string, least: number, most: number): string | undefined {
  const count = Number(text);
  if (text.trim() === "" || Number.isNaN(count)) return "not a number";
  if (count < least) return `less than ${least}`;
  if (count > most) return `more than ${most}`;
  return Number.isSafeInteger(count) ? undefined : "not a whole number";
}

/** Reads a whole number that an option needs. */
export function parseCount(option: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const why = explainCount(text, least, most);
  if (why === undefined) return Number(text);
  const range = `a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? "" : ` to ${most}`}`;
  throw refuseValue(option, text, why, range, examples[option] ?? String(least));
}

/** A number of which the verb knows the range. UserError E_OPTION. */
export function parseNumber(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw refuseValue(option, text, "not a number", "a number");
}

/** A number above 0. UserError E_OPTION. */
export function parseShare(option: string, text: string, most: number): number {
  const value = parseNumber(option, text);
  if (value > 0 && value <= most) return value;
  throw refuseValue(
    option,
    text,
    value > 0 ? `more than ${most}` : "not above 0",
    `a number above 0 and up to ${most}`,
  );
}

/** Bytes of "2GiB", "512M" or "1000000": units are powers of 1024; 0 where the verb knows the range. UserError E_OPTION. */
export function parseBytes(option: string, text: string, least: 0 | 1 = 1): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])i?)?B?$/i.exec(text.trim()) ?? [];
  const needed = `a number of bytes${least === 0 ? "" : " above 0"}`;
  if (digits === undefined) throw refuseValue(option, text, "not a number of bytes", needed);
  const bytes = Math.round(Number(digits) * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " "));
  if (bytes >= least) return bytes;
  throw refuseValue(option, text, "not above 0", needed);
}
