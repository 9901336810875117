import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { listRecipePaths, listRecipeReference } from "../train/recipe.ts";
import { listReference } from "./reference.ts";

test("keys with their values, defaults, and the options without which they are refused", () => {
  const schema = z.strictObject({
    name: z.string().min(1).describe("what it is called"),
    form: z.discriminatedUnion("form", [
      z.strictObject({ form: z.literal("circle"), radius: z.number().gt(0).max(9), colour: z.enum(["red", "blue"]) }),
      z.strictObject({ form: z.literal("box"), side: z.number().int().default(1), colour: z.enum(["red", "blue"]) }),
    ]),
    note: z.boolean().exactOptional().describe("whether it has one"),
  });
  const row = (path: string, values: string, usual: string, summary = "", onlyWith: string[] = []) => ({
    ...{ path, values, usual, summary, onlyWith },
  });
  assert.deepEqual(listReference(schema), [
    row("name", "text", "required", "what it is called"),
    row("form.form", "circle, box", "required"),
    row("form.radius", "number, above 0, at most 9", "required", "", ["form.form=circle"]),
    row("form.colour", "red, blue", "required"),
    row("form.side", "integer", "1", "", ["form.form=box"]),
    row("note", "boolean", "absent", "whether it has one"),
  ]);
});

test("a recipe's keys are all there, once", () => {
  const rows = listRecipeReference();
  assert.deepEqual(rows.map(({ path }) => path).sort(), [...new Set(listRecipePaths())].sort());
  const of = (path: string) => rows.find(row => row.path === path)!;
  assert.deepEqual(of("optimizer.muonLearningRate").onlyWith, ["optimizer.name=muon"]);
  assert.deepEqual(of("optimizer.learningRate").onlyWith, []);
  assert.ok(of("schedule.warmup").onlyWith.includes("schedule.learningRate=cosine"));
});
