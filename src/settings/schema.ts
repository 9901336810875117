// What a schema of settings consists of: sections, and choices, which are unions of sections by one of their keys. Everything that is
// done with settings walks these two, and looks through defaults and optional keys.

import { z } from "zod";

export type Values = Record<string, unknown>;
export type Choice = z.ZodDiscriminatedUnion<readonly z.ZodObject[]>;

export const isSection = (schema: unknown): schema is z.ZodObject => schema instanceof z.ZodObject;
export const isChoice = (schema: unknown): schema is Choice => schema instanceof z.ZodDiscriminatedUnion;
export const isValues = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The schema of the value itself, where it may be left out or has a default. */
export function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodExactOptional ||
    schema instanceof z.ZodReadonly
    ? unwrap(schema.unwrap())
    : schema;
}

/** Whether a section is whole without it. */
export const mayBeAbsent = (schema: unknown): boolean => unwrap(schema) !== schema;

/** The keys of a section, of every option of a choice; none of a value. */
export function shapesOf(wrapped: unknown): readonly z.ZodRawShape[] {
  const schema = unwrap(wrapped);
  if (isSection(schema)) return [schema.shape];
  return isChoice(schema) ? schema.options.map(option => option.shape) : [];
}

/** Every path to a value, "model.width"; of a choice the keys of all its options. */
export function listPaths(schema: unknown, prefix = ""): string[] {
  const shapes = shapesOf(schema);
  if (shapes.length === 0) return [prefix];
  const paths = shapes.flatMap(shape =>
    Object.entries(shape).flatMap(([key, part]) => listPaths(part, prefix === "" ? key : `${prefix}.${key}`)),
  );
  return [...new Set(paths)];
}

/** The schemas that options give a path; one where there is no choice. */
export function findSchemas(schema: unknown, keys: readonly string[]): readonly unknown[] {
  const [key, ...rest] = keys;
  if (key === undefined) return [unwrap(schema)];
  return shapesOf(schema).flatMap(shape => (Object.hasOwn(shape, key) ? findSchemas(shape[key], rest) : []));
}

/** The option that the values choose; undefined where they name none. */
export function findChosen(choice: Choice, values: Values): z.ZodObject | undefined {
  const { discriminator } = choice.def;
  return choice.options.find(
    option => (option.shape[discriminator] as z.ZodType).safeParse(values[discriminator]).success,
  );
}
