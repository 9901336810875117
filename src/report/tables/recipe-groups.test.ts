// Runs of one recipe as one, by hand; and what is said of them first, in a paper's table and where a chart would be flat.

import assert from "node:assert/strict";
import { test } from "node:test";
import { describeVerdict } from "../page/verdict.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { renderLatexTable, renderMarkdownTable } from "./paper-table.ts";
import { groupByRecipe, tabulateRecipeGroups } from "./recipe-groups.ts";

/** A run as far as these read it. */
function makeRun(name: string, loss: number | undefined, { seed = 0, width = 64, recipe = "mine", hash = "a" } = {}) {
  const column = (value: number | undefined) => Float64Array.from(value === undefined ? [] : [9, value]);
  return {
    name,
    recipe: new Map<string, string | number>([
      ["name", recipe],
      ["model.width", width],
      ["train.seed", seed],
    ]),
    data: { folder: "data", dataset: { hash } },
    curves: {
      starts: [{ parameters: 4_200_000, unigramEntropy: 6.01 }],
      steps: { tokens: column(2_500_000), elapsedSeconds: column(180) },
      validations: { loss: column(loss), elapsedSeconds: column(180) },
    },
  } as unknown as RunRecord;
}

const wide = makeRun("wide", 3.1, { width: 128, recipe: "wide_er" });
const seeds = [3.0, 3.2, 3.4].map((loss, seed) => makeRun(`seed-${seed}`, loss, { seed }));

test("seeds of a recipe are one row, with mean and deviation, the best first", () => {
  const groups = groupByRecipe([...seeds, wide, makeRun("waiting", undefined, { width: 32 })]);
  assert.deepEqual(
    groups.map(({ name, runs }) => [name, runs.length]),
    [
      ["wide_er", 1],
      ["seed-0", 3],
      ["waiting", 1],
    ],
  );
  const { rows } = tabulateRecipeGroups([...seeds, wide]);
  const [best, other] = rows;
  assert.deepEqual(best, ["wide_er", 1, 3.1, undefined, 0]);
  // (3.0 + 3.2 + 3.4) / 3, and the root of (0.04 + 0 + 0.04) / 2.
  [3.2, 0.2, 0.1].forEach((expected, i) => void assert.ok(Math.abs((other![2 + i] as number) - expected) < 1e-12));
  assert.deepEqual(tabulateRecipeGroups([seeds[0]!, wide]).rows, []);
});

test("other data, and recipes that could not be read, are no seeds of each other", () => {
  assert.equal(groupByRecipe([seeds[0]!, makeRun("moved", 3, { hash: "b" })]).length, 2);
  const unread = ["one", "two"].map(name => ({ ...makeRun(name, 3), recipe: new Map() }));
  assert.equal(groupByRecipe(unread).length, 2);
});

test("the first sentence says how low, how soon, and how far below the unigram line", () => {
  assert.equal(describeVerdict([makeRun("mine", 3.27)]), "3.27 nats after 3 minutes, 2.74 below the unigram line.");
  assert.equal(
    describeVerdict([wide, seeds[1]!, makeRun("waiting", undefined)]),
    "wide is lowest of 3: 3.10 nats after 3 minutes, 2.91 below the unigram line; next is seed-1, 0.10 higher.",
  );
  assert.equal(
    describeVerdict([...seeds, wide]),
    "wide_er is lowest of 2 recipes: 3.10 nats; next is mine, 3.20 ± 0.20 nats over 3 seeds.",
  );
  assert.match(describeVerdict([makeRun("worse", 7)])!, /0\.99 above the unigram line/);
  assert.equal(describeVerdict([makeRun("waiting", undefined)]), undefined);
});

test("a paper's table, in Markdown and in LaTeX", () => {
  const runs = [...seeds.map(run => ({ ...run, recipe: new Map([...run.recipe, ["name", "a|b"]]) })), wide];
  assert.equal(
    renderMarkdownTable(runs),
    `| recipe | seeds | parameters | tokens (million) | time (minutes) | validation loss (nats per token) | standard deviation (nats per token) |
| --- | --: | --: | --: | --: | --: | --: |
| wide_er | 1 | 4200000 | 2.5 | 3 | 3.100 |  |
| a\\|b | 3 | 4200000 | 2.5 | 3 | 3.200 | 0.200 |
`,
  );
  const lines = renderLatexTable(runs).split("\n");
  assert.equal(lines[5], "wide\\_er & 1 & 4200000 & 2.5 & 3 & 3.100 &  \\\\");
  assert.match(lines[6]!, /^a\|b & 3 & .* & 3\.200 & 0\.200 \\\\$/);
});
