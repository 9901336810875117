// The arithmetic in the recipes' first comments is the code's: parameters, FLOPs of a token, tokens and steps of the budget at the
// speed that the comment supposes. Validations cost nothing here.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bertTiny } from "../../recipes/bert-tiny.ts";
import { crammedBase } from "../../recipes/crammed-base.ts";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { crammedMini, crammedMini64k, crammedMini256 } from "../../recipes/crammed-mini.ts";
import { crammedSmall, crammedSmall64k } from "../../recipes/crammed-small.ts";
import { funnel } from "../../recipes/funnel.ts";
import { glue } from "../../recipes/glue.ts";
import { modernBert } from "../../recipes/modern-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { recurrent } from "../../recipes/recurrent.ts";
import { listParameters } from "../model/parameters.ts";
import { countTokenFlops } from "../objectives/objectives.ts";
import { parseBudget } from "../train/budget.ts";
import type { Recipe } from "../train/recipe.ts";
import { planCourse } from "./course.ts";

const root = join(import.meta.dirname, import.meta.dirname.includes(join("dist", "src")) ? "../../.." : "../..");

/** The comment at a recipe's beginning as one line. */
const readComment = (name: string) =>
  readFileSync(join(root, "recipes", `${name}.ts`), "utf8")
    .split("\n\n")[0]!
    .replace(/\n?\/\/ /g, " ");

const countValues = (recipe: Recipe) =>
  listParameters(recipe.model).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);

/** Steps and tokens of the recipe's budget at a speed. */
function courseAt(recipe: Recipe, tokensPerSecond: number) {
  const tokens = recipe.train.microBatchSequences * recipe.model.sequenceLength;
  const cost = { microBatchSeconds: tokens / tokensPerSecond, updateSeconds: 0, validationSeconds: 0 };
  return planCourse(recipe, parseBudget(recipe.train.budget), cost);
}

const count = (value: number) => value.toLocaleString("en-US");

for (const [recipe, expected] of [
  [
    crammedBert,
    () => {
      const course = courseAt(crammedBert, 60e12 / countTokenFlops(crammedBert));
      return [
        `${count(countValues(crammedBert))} parameters`,
        `${(countTokenFlops(crammedBert) / 1e9).toFixed(2)} GFLOP`,
        `${(course.tokens / 1e9).toFixed(1)} billion tokens`,
        `${count(course.steps)} steps`,
      ];
    },
  ],
  [
    crammedBertSmall,
    () => [
      `${(countValues(crammedBertSmall) / 1e6).toFixed(1)} M parameters`,
      `${(countTokenFlops(crammedBertSmall) / 1e6).toFixed(1)} MFLOP`,
      `${((15_000 * 600) / 1e6).toFixed(0)} M tokens`,
    ],
  ],
  [
    bertTiny,
    () => [`${count(countValues(bertTiny))} parameters`, `${(countTokenFlops(bertTiny) / 1e6).toFixed(0)} MFLOP`],
  ],
  [funnel, () => [`${count(countValues(funnel))}`, `${(countTokenFlops(funnel) / 1e9).toFixed(2)} GFLOP`]],
  [recurrent, () => [`two, ${count(countValues(recurrent))}`]],
  [
    crammedMini,
    () =>
      [crammedMini, crammedMini256, crammedMini64k].flatMap(recipe => [
        `${(countValues(recipe) / 1e6).toFixed(1)} M parameters`,
        `${(countTokenFlops(recipe) / 1e6).toFixed(1)} MFLOP`,
      ]),
  ],
  [
    crammedSmall,
    () =>
      [crammedSmall, crammedSmall64k].flatMap(recipe => [
        `${(countValues(recipe) / 1e6).toFixed(1)} M parameters`,
        `${(countTokenFlops(recipe) / 1e6).toFixed(1)} MFLOP`,
      ]),
  ],
  [
    crammedBase,
    () => [
      `${(countValues(crammedBase) / 1e6).toFixed(1)} M parameters`,
      `${(countTokenFlops(crammedBase) / 1e9).toFixed(2)} GFLOP`,
    ],
  ],
  [modernBert, () => [`${count(countValues(modernBert))} parameters`]],
  [
    quickstart,
    () => {
      const course = courseAt(quickstart, 22_400);
      return [
        `${(countValues(quickstart) / 1e6).toFixed(1)} M parameters`,
        `${(countTokenFlops(quickstart) / 1e6).toFixed(2)} MFLOP`,
        `${(course.tokens / 1e6).toFixed(1)} M tokens`,
        `${count(course.steps)} steps`,
      ];
    },
  ],
] as const) {
  test(`${recipe.name}: the figures of its comment`, () => {
    const comment = readComment(recipe.name);
    for (const figure of expected()) assert.ok(comment.includes(figure), `${figure} is not in: ${comment}`);
  });
}

test("glue: steps of MRPC and MNLI", () => {
  const { batchSequences, epochs, warmup } = glue;
  const steps = (examples: number) => epochs * Math.floor(examples / batchSequences);
  const comment = readComment("glue");
  const mrpc = steps(3668);
  for (const figure of [
    `${mrpc / epochs} batches of ${batchSequences}`,
    `${count(mrpc)} steps`,
    `first ${Math.floor(warmup * mrpc)} of them warm-up`,
    `${count(steps(392_702))} steps`,
  ]) {
    assert.ok(comment.includes(figure), `${figure} is not in: ${comment}`);
  }
});
