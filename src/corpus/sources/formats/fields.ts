// The field of a JSON value that holds a text.

/** A field by its name, or by the names that lead to it with dots between. */
export function findField(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
  const dot = name.indexOf(".");
  if (dot < 0 || !Object.hasOwn(value, name.slice(0, dot))) return undefined;
  return findField((value as Record<string, unknown>)[name.slice(0, dot)], name.slice(dot + 1));
}
