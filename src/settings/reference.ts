// Every key of a schema as one row, for a page that people read: what values it takes, what it is where nobody says, and under which
// options alone it is read, for under the others it is refused.

import { z } from "zod";
import { isChoice, mayBeAbsent, shapesOf, unwrap } from "./schema.ts";

export interface ReferenceRow {
  /** "optimizer.muonMomentum". */
  readonly path: string;
  /** "number, above 0, at most 1"; names where there are some. */
  readonly values: string;
  /** JSON; "required", or "absent" where it may be left out and then does nothing. */
  readonly usual: string;
  readonly summary: string;
  /** "optimizer.name=muon": it is refused with another one. Empty: it is always read. */
  readonly onlyWith: readonly string[];
}

/** In the order of the schema; a key that several options have is one row, as the first of them describes it. */
export function listReference(schema: unknown): ReferenceRow[] {
  const rows = new Map<string, ReferenceRow>();
  const enter = (row: ReferenceRow) => {
    const known = rows.get(row.path);
    rows.set(row.path, known === undefined ? row : { ...known, onlyWith: [...known.onlyWith, ...row.onlyWith] });
  };
  walk(schema, "", [], enter);
  return [...rows.values()];
}

function walk(wrapped: unknown, path: string, onlyWith: readonly string[], enter: (row: ReferenceRow) => void): void {
  const schema = unwrap(wrapped);
  const inside = (key: string) => (path === "" ? key : `${path}.${key}`);
  const shapes = shapesOf(schema);
  if (shapes.length === 0) {
    const { description: summary = "" } = wrapped as z.ZodType;
    enter({ path, values: describeValues(wrapped), usual: describeUsual(wrapped), summary, onlyWith });
    return;
  }
  if (!isChoice(schema)) {
    for (const [key, part] of Object.entries(shapes[0]!)) walk(part, inside(key), onlyWith, enter);
    return;
  }
  const { discriminator } = schema.def;
  const names = schema.options.map(({ shape }) => String((shape[discriminator] as z.ZodLiteral).value));
  const usual = mayBeAbsent(wrapped) ? describeUsual(wrapped) : "required";
  const { description: summary = "" } = wrapped as z.ZodType;
  enter({ path: inside(discriminator), values: names.join(", "), usual, summary, onlyWith });
  const entered = new Set<string>();
  schema.options.forEach(({ shape }, i) => {
    for (const [key, part] of Object.entries(shape)) {
      const isShared = schema.options.every(option => Object.hasOwn(option.shape, key));
      if (key === discriminator || (isShared && entered.has(key))) continue;
      entered.add(key);
      walk(part, inside(key), isShared ? onlyWith : [`${inside(discriminator)}=${names[i]}`], enter);
    }
  });
}

function describeUsual(schema: unknown): string {
  if (!mayBeAbsent(schema)) return "required";
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? JSON.stringify(schema.def.defaultValue)
    : "absent";
}

function describeValues(schema: unknown): string {
  const json = z.toJSONSchema(schema as z.ZodType, { io: "input" }) as Record<string, unknown>;
  if (Array.isArray(json.enum)) return json.enum.join(", ");
  if (json.const !== undefined) return String(json.const);
  const bounds = [
    typeof json.exclusiveMinimum === "number" && `above ${json.exclusiveMinimum}`,
    isBound(json.minimum) && `from ${json.minimum}`,
    typeof json.exclusiveMaximum === "number" && `below ${json.exclusiveMaximum}`,
    isBound(json.maximum) && `at most ${json.maximum}`,
  ].filter(bound => bound !== false);
  const type = json.type === "array" ? "list" : json.type === "string" ? "text" : String(json.type ?? "see the schema");
  return [type, ...bounds].join(", ");
}

/** Not one that only says that integers are exact. */
const isBound = (bound: unknown): boolean => typeof bound === "number" && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
