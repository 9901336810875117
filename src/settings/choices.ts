// The choices that a schema offers, with what each option is, for people who look for one. A record in a list (an optimizer, a
// schedule) brings its line and its source along; names that have no record are listed by name.

import { z } from "zod";
import { isChoice, listPaths, shapesOf, unwrap } from "./schema.ts";

/** What a list shows of an option. */
export interface Described {
  readonly name: string;
  /** What it does, one line. */
  readonly summary?: string;
  /** The paper. */
  readonly source?: string;
}

/** An option of a choice, with the settings that it alone reads. */
export interface ListedOption extends Described {
  readonly settings: readonly string[];
}

export interface ListedChoice {
  /** "optimizer.name". */
  readonly path: string;
  /** What is chosen, where the schema says. */
  readonly summary?: string;
  readonly options: readonly ListedOption[];
}

const records = z.registry<{ readonly records: readonly Described[] }>();

/** Tells `listChoices` what the options of a schema are. Gives the schema. */
export function describeChoice<Schema extends z.ZodType>(schema: Schema, described: readonly Described[]): Schema {
  records.add(schema, { records: described });
  return schema;
}

/** Every choice between named options in a schema, in its order. */
export function listChoices(wrapped: unknown, prefix = ""): ListedChoice[] {
  const schema = unwrap(wrapped);
  const describe = (name: string, settings: readonly string[]): ListedOption => {
    const known = records.get(schema as z.ZodType)?.records.find(record => record.name === name);
    return {
      name,
      ...(known?.summary !== undefined && { summary: known.summary }),
      ...(known?.source !== undefined && { source: known.source }),
      settings,
    };
  };
  if (schema instanceof z.ZodEnum) {
    const { description: summary } = wrapped as z.ZodType;
    const options = schema.options.map(name => describe(String(name), []));
    return [{ path: prefix, ...(summary !== undefined && { summary }), options }];
  }
  const inside = (key: string) => (prefix === "" ? key : `${prefix}.${key}`);
  const own: ListedChoice[] = [];
  if (isChoice(schema)) {
    const { discriminator } = schema.def;
    const options = schema.options.map(option => {
      const isShared = (key: string) => schema.options.every(each => Object.hasOwn(each.shape, key));
      const settings = Object.keys(option.shape).filter(key => !isShared(key));
      const { value } = option.shape[discriminator] as z.ZodLiteral;
      const read = settings.flatMap(key => listPaths(option.shape[key], key));
      return describe(String(value), read);
    });
    own.push({ path: inside(discriminator), options });
  }
  const within = shapesOf(schema).flatMap(shape =>
    Object.entries(shape).flatMap(([key, part]) => listChoices(part, inside(key))),
  );
  const seen = new Set(own.map(({ path }) => path));
  return [...own, ...within.filter(({ path }) => !seen.has(path) && seen.add(path))];
}

/** A value with a line of its own that is no choice between named options. */
export interface ListedValue {
  /** "model.parallel". */
  readonly path: string;
  readonly summary: string;
  /** Undefined where a recipe gives it or lacks it. */
  readonly default?: unknown;
}

/** Every described value of a schema, in its order; of a choice that stands in several places those of the first. */
export function listValues(wrapped: unknown, prefix = "", walked = new Set<unknown>()): ListedValue[] {
  const schema = unwrap(wrapped);
  if (walked.has(schema) && isChoice(schema)) return [];
  walked.add(schema);
  const shapes = shapesOf(schema);
  if (shapes.length === 0) {
    const { description: summary } = wrapped as z.ZodType;
    if (summary === undefined || schema instanceof z.ZodEnum) return [];
    return [{ path: prefix, summary, ...(wrapped instanceof z.ZodDefault && { default: wrapped.def.defaultValue }) }];
  }
  const values = shapes.flatMap(shape =>
    Object.entries(shape).flatMap(([key, part]) => listValues(part, prefix === "" ? key : `${prefix}.${key}`, walked)),
  );
  return [...new Map(values.map(value => [value.path, value] as const)).values()];
}
