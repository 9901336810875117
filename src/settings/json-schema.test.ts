import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { describeChoice } from "./choices.ts";
import { describeAsJsonSchema } from "./json-schema.ts";

const form = describeChoice(
  z.discriminatedUnion("form", [
    z.strictObject({ form: z.literal("circle"), radius: z.number().gt(0) }),
    z.strictObject({ form: z.literal("box"), side: z.number().gt(0).default(1) }),
  ]),
  [
    { name: "circle", summary: "round" },
    { name: "box", summary: "square" },
  ],
);
const schema = z.strictObject({
  name: z.string().describe("what it is called"),
  form,
  note: z.string().exactOptional(),
});

test("an editor is told keys, names with their lines, ranges and what may be absent", () => {
  assert.deepEqual(describeAsJsonSchema(schema, "A drawing"), {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A drawing",
    type: "object",
    additionalProperties: false,
    properties: {
      $schema: { type: "string" },
      extends: {
        type: "string",
        description: "a recipe's name, or the path of its file: this one is that one with changes",
      },
      name: { type: "string", description: "what it is called" },
      form: {
        type: "object",
        additionalProperties: false,
        properties: {
          form: { enum: ["circle", "box"], enumDescriptions: ["round", "square"] },
          radius: { type: "number", exclusiveMinimum: 0 },
          side: { anyOf: [{ type: "number", exclusiveMinimum: 0, default: 1 }, { type: "null" }] },
        },
        anyOf: [
          { not: { required: ["form"] } },
          { properties: { form: { const: "circle" } }, propertyNames: { enum: ["form", "radius"] } },
          { properties: { form: { const: "box" } }, propertyNames: { enum: ["form", "side"] } },
        ],
      },
      note: { anyOf: [{ type: "string" }, { type: "null" }] },
    },
    anyOf: [{ required: ["extends"] }, { required: ["name", "form"] }],
  });
});
