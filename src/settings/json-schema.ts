// The JSON Schema (2020-12) of settings, so that editors complete a file and underline what is wrong. It is of changes as well as of
// whole settings: nothing is required where the file extends another, and null takes away what may be absent.

import { z } from "zod";
import { listChoices } from "./choices.ts";
import { isChoice, isSection, mayBeAbsent, shapesOf, unwrap } from "./schema.ts";

type JsonSchema = Record<string, unknown>;

/** `title` says what the settings are of. What needs more than a schema (rules between fields) is left to the check. */
export function describeAsJsonSchema(schema: z.ZodObject, title: string): JsonSchema {
  const whole = describePart(schema);
  const properties = whole.properties as JsonSchema;
  const required = Object.keys(schema.shape).filter(key => !mayBeAbsent(schema.shape[key]));
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title,
    ...whole,
    properties: {
      // Editors put it there to know which schema a file follows.
      $schema: { type: "string" },
      extends: {
        type: "string",
        description: "a recipe's name, or the path of its file: this one is that one with changes",
      },
      ...properties,
    },
    anyOf: [{ required: ["extends"] }, { required }],
  };
}

function describePart(wrapped: unknown): JsonSchema {
  const schema = unwrap(wrapped);
  if (isChoice(schema)) return describeChoiceOf(schema);
  if (isSection(schema))
    return { type: "object", additionalProperties: false, properties: describeKeys([schema.shape]) };
  const { $schema: _, ...value } = z.toJSONSchema(wrapped as z.ZodType, { io: "input" }) as JsonSchema;
  const [named] = listChoices(schema);
  return named === undefined ? value : { ...value, ...explainNames(named.options) };
}

/** Keys of all options side by side, for completion; what an option does not read is wrong under it. */
function describeChoiceOf(schema: z.ZodDiscriminatedUnion<readonly z.ZodObject[]>): JsonSchema {
  const { discriminator } = schema.def;
  const { options } = listChoices(schema)[0]!;
  return {
    type: "object",
    additionalProperties: false,
    properties: {
      ...describeKeys(shapesOf(schema)),
      [discriminator]: { enum: options.map(({ name }) => name), ...explainNames(options) },
    },
    anyOf: [
      { not: { required: [discriminator] } },
      ...options.map(({ name }, i) => ({
        properties: { [discriminator]: { const: name } },
        propertyNames: { enum: Object.keys(schema.options[i]!.shape) },
      })),
    ],
  };
}

/** What editors show beside each name of an enum. */
const explainNames = (options: readonly { readonly name: string; readonly summary?: string }[]): JsonSchema =>
  options.some(({ summary }) => summary !== undefined)
    ? { enumDescriptions: options.map(({ summary }) => summary ?? "") }
    : {};

function describeKeys(shapes: readonly z.ZodRawShape[]): JsonSchema {
  const keys = [...new Set(shapes.flatMap(shape => Object.keys(shape)))];
  return Object.fromEntries(
    keys.map(key => {
      const parts = shapes.flatMap(shape => (Object.hasOwn(shape, key) ? [shape[key] as z.ZodType] : []));
      const described = [
        ...new Map(parts.map(part => [JSON.stringify(describePart(part)), describePart(part)])).values(),
      ];
      const value = described.length === 1 ? described[0]! : { anyOf: described };
      return [key, parts.some(mayBeAbsent) ? { anyOf: [value, { type: "null" }] } : value];
    }),
  );
}
