// Kinds of values as programs without types give them, each with what to give instead: for options, and for records that a program adds.

import { UserError } from "./errors.ts";
import { quoteValue } from "./printable.ts";

interface ValueKind {
  holds(value: unknown): boolean;
  readonly advice: string;
}

export const valueKinds = {
  text: { holds: value => typeof value === "string", advice: "Give a string." },
  /** The system takes no other: an empty one would be the working folder, and a NUL ends what it reads. */
  path: {
    holds: value => typeof value === "string" && value !== "" && !value.includes("\0"),
    advice: "Give a path, as a string.",
  },
  number: { holds: value => typeof value === "number", advice: "Give a number." },
  flag: { holds: value => typeof value === "boolean", advice: "Give true or false." },
  function: { holds: value => typeof value === "function", advice: "Give a function." },
  signal: { holds: value => value instanceof AbortSignal, advice: "Give the signal of an AbortController." },
  object: { holds: value => typeof value === "object" && value !== null, advice: "Give an object." },
} as const satisfies Readonly<Record<string, ValueKind>>;

export type ValueKindName = keyof typeof valueKinds;

/** UserError with `code` for a value of another kind; `name` says which it is. */
export function requireKind(value: unknown, kind: ValueKindName, name: string, code: `E_${string}`): void {
  const { holds, advice } = valueKinds[kind];
  if (!holds(value)) throw new UserError(code, `${name} is ${quoteValue(value)}`, advice);
}
