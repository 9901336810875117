// docs/ANALYSIS.md is what is written from the stored results, and a finding is judged by its interval.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { judgeFinding, readResults, type SweepResult, writeAnalysis } from "../bench/analysis/analysis-page.ts";
import { type Finding, findings } from "../bench/analysis/findings.ts";
import { checkSweep, listVariations } from "../src/sweep/sweep.ts";
import { chooseRecipe, compareRecipes } from "../src/verbs/recipe.ts";

const root = join(import.meta.dirname, "../..");

test("the page is what is written from the stored results", () => {
  const page = readFileSync(join(root, "docs", "ANALYSIS.md"), "utf8");
  assert.equal(
    page,
    writeAnalysis(findings, readResults(join(root, "records", "analysis"))),
    "npm run bench -- analysis",
  );
});

/** A sweep in which the change came out between low and high. */
const resultOf = (low: number, high: number): SweepResult => ({
  ...{ done: 6, count: 6 },
  compared: [
    { name: "base", count: 3, failed: [], mean: 5 },
    {
      name: "x",
      count: 3,
      failed: [],
      mean: 5 + low,
      difference: { mean: (low + high) / 2, low, high, p: 0.01, isPaired: true },
    },
  ],
});
const asked = (as: "made" | "undone") => ({ sweep: "s", variation: "x", as });
const ask = (paper: Finding["paper"], as: "made" | "undone", low: number, high: number) => {
  const verdict = judgeFinding({ paper }, asked(as), resultOf(low, high))!;
  return `${verdict.ours}, ${verdict.isAgreed}, ${verdict.difference.low}`;
};

test("a change that is undone is judged the other way round, and an interval that holds 0 shows no gain", () => {
  assert.equal(ask("gain", "made", -0.3, -0.1), "better, true, -0.3");
  assert.equal(ask("gain", "undone", 0.1, 0.3), "better, true, -0.3");
  assert.equal(ask("gain", "undone", -0.3, -0.1), "worse, false, 0.1");
  assert.equal(ask("no gain", "made", -0.3, -0.1), "better, false, -0.3");
  assert.equal(ask("no gain", "made", -0.1, 0.1), "no difference seen, true, -0.1");
  assert.equal(ask("gain", "made", -0.1, 0.1), "no difference seen, false, -0.1");
  assert.equal(judgeFinding({ paper: "gain" }, { ...asked("made"), variation: "y" }, resultOf(0, 1)), undefined);
  const finding: Finding = {
    change: "c",
    paper: "gain",
    asked: [asked("undone"), { ...asked("made"), variation: "y" }],
  };
  const page = writeAnalysis([finding], new Map([["s", resultOf(0.1, 0.3)]]));
  assert.match(page, /Of 2 comparisons 1 was run, of which\n1 agrees/);
  assert.ok(page.includes("| c | gain | x (undone) | 3 | −0.200 (−0.300 to −0.100) | 0.010 | better: agrees |"));
  assert.ok(page.includes("| c | gain | y |  |  |  | not yet run |"));
  assert.match(page, /^\| x \| 3 \| 5\.1000 \|.*\+0\.2000/m);
});

for (const name of ["ablation", "ablation-more", "optimizers", "crammed", "crammed-256"]) {
  const path = join(root, "bench", "analysis", `${name}.json`);
  test(`${name}: every variation is a recipe, and every finding asks one that there is`, {
    skip: !existsSync(path),
  }, () => {
    const sweep = checkSweep(JSON.parse(readFileSync(path, "utf8")), path);
    const variations = listVariations(sweep);
    for (const { recipe = sweep.recipe, set } of variations) chooseRecipe({ recipe, set: [...sweep.set, ...set] });
    const names = variations.map(variation => variation.name);
    const missing = findings.flatMap(finding =>
      finding.asked.filter(each => each.sweep === name && !names.includes(each.variation)),
    );
    assert.deepEqual(missing, []);
  });
}

test("the candidate is what the larger sweep tries as a whole", () => {
  const read = (name: string) => join(root, "bench", "analysis", name);
  const sweep = checkSweep(JSON.parse(readFileSync(read("crammed-256.json"), "utf8")), "crammed-256.json");
  const whole = listVariations(sweep).find(({ name }) => name === "all of the candidate")!;
  const tried = chooseRecipe({ recipe: sweep.recipe, set: [...sweep.set, ...whole.set] });
  const differences = compareRecipes(chooseRecipe({ recipe: read("candidate.json") }), tried);
  assert.deepEqual(
    differences.map(({ path }) => path),
    ["model.vocabulary", "train.validations", "train.clock"],
  );
});
