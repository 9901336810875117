// What columns hold, as JSON would.

import type { Value } from "../row.ts";

/** A value of a file of columns; a 64-bit integer that no number holds becomes its digits. */
export function toJsonValue(value: unknown): Value {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, toJsonValue);
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, toJsonValue(held)]));
}
