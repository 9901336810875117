import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { listChoices } from "./choices.ts";
import { growChoice } from "./grow-choice.ts";
import { checkSettings } from "./settings.ts";

const shape = z.discriminatedUnion("form", [z.strictObject({ form: z.literal("circle"), radius: z.number() })]);
const schema = z.strictObject({ shape, second: shape.exactOptional().describe("another") });
const check = (value: unknown) => checkSettings(schema, value, "one", { noun: "a drawing", advice: "Look at one." });
const box = { form: "box", side: 2 };

test("what holds a choice takes an option that was added after values were checked", () => {
  const circle = { form: "circle", radius: 1 };
  check({ shape: circle });
  assert.throws(() => check({ shape: box }), { code: "E_RECIPE_VALUE" });
  growChoice(shape, z.strictObject({ form: z.literal("box"), side: z.number() }), "box");
  assert.deepEqual(check({ shape: box, second: circle }), { shape: box, second: circle });
  assert.deepEqual(check({ shape: circle, second: box }), { shape: circle, second: box });
  assert.throws(() => check({ shape: { ...box, radius: 1 } }), { code: "E_RECIPE_KEY" });
  assert.deepEqual(
    listChoices(schema)[0]!.options.map(({ name }) => name),
    ["circle", "box"],
  );
});

test("a name that is taken, a schema without one, one with another and a setting without a schema are refused", () => {
  const options = { circle: z.literal("circle"), oval: z.string(), ring: z.literal("rings") };
  for (const [name, form] of Object.entries(options))
    assert.throws(() => growChoice(shape, z.strictObject({ form }), name), { code: "E_EXTENSION" }, name);
  const square = z.strictObject({ form: z.literal("square"), side: 5 as never });
  assert.throws(() => growChoice(shape, square, "square"), {
    code: "E_EXTENSION",
    message: "square: its setting side is 5",
  });
});
