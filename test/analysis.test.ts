// docs/ANALYSIS.md is what is written from the stored results, and a finding is judged by its interval.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  judgeFinding,
  readLaws,
  readResults,
  type SweepResult,
  writeAnalysis,
} from "../bench/analysis/analysis-page.ts";
import { type Finding, findings } from "../bench/analysis/findings.ts";
import type { LawFile } from "../src/scaling/law-file.ts";
import type { Measure } from "../src/sweep/comparison.ts";
import { checkSweep, listVariations } from "../src/sweep/sweep.ts";
import { chooseRecipe, compareRecipes } from "../src/verbs/recipe.ts";

const root = join(import.meta.dirname, "../..");

test("the page is what is written from the stored results", () => {
  const page = readFileSync(join(root, "docs", "ANALYSIS.md"), "utf8");
  const [results, laws] = [readResults(join(root, "records", "analysis")), readLaws(join(root, "records", "scaling"))];
  assert.equal(page, writeAnalysis(findings, results, laws), "npm run bench -- analysis");
});

/** A sweep in which the change came out between low and high. */
const resultOf = (low: number, high: number, measure: Measure = "nats"): SweepResult => ({
  ...{ done: 6, count: 6 },
  compared: [
    { name: "base", measure, count: 3, failed: [], mean: 5 },
    {
      ...{ name: "x", measure },
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
  return `${verdict.ours}, ${verdict.beside}, ${verdict.difference.low}`;
};

test("a change that is undone is judged the other way round, and an interval that holds 0 decides nothing of a gain", () => {
  assert.equal(ask("gain", "made", -0.3, -0.1), "better, agrees, -0.3");
  assert.equal(ask("gain", "undone", 0.1, 0.3), "better, agrees, -0.3");
  assert.equal(ask("gain", "undone", -0.3, -0.1), "worse, disagrees, 0.1");
  assert.equal(ask("no gain", "made", -0.3, -0.1), "better, disagrees, -0.3");
  assert.equal(ask("no gain", "made", -0.1, 0.1), "no difference seen, agrees, -0.1");
  assert.equal(ask("gain", "made", -0.1, 0.1), "no difference seen, undecided, -0.1");
  assert.equal(judgeFinding({ paper: "gain" }, { ...asked("made"), variation: "y" }, resultOf(0, 1)), undefined);
  const finding: Finding = {
    change: "c",
    paper: "gain",
    asked: [asked("undone"), { ...asked("made"), variation: "y" }],
  };
  const page = writeAnalysis([finding], new Map([["s", resultOf(0.1, 0.3)]]));
  assert.match(
    page,
    /Of 2 comparisons 1 was run, of which\n1 agrees with the paper .*, 0 disagree and 0 decide nothing/,
  );
  assert.ok(page.includes("| c | gain | x (undone) | 3 | −0.200 (−0.300 to −0.100) | 0.010 | better: agrees |"));
  assert.ok(page.includes("| c | gain | y |  |  |  | not yet run |"));
  assert.match(page, /^\| x \| 3 \| 5\.1000 \|.*\+0\.2000/m);
  const inBits = writeAnalysis([finding], new Map([["s", resultOf(0.1, 0.3, "bits per byte")]]));
  assert.ok(inBits.includes("| −0.200 (−0.300 to −0.100) bits per byte | 0.010 |"));
  assert.match(inBits, /^\| change \| n \| bits per byte \|/m);
});

test("a law is written with what it had said of the largest size, and every training", () => {
  const law: LawFile = {
    ...{ format: "cramming-scaling-law", version: 1, recipe: { name: "r" }, dataset: "", failed: 0, objective: 0 },
    sizes: [
      { name: "32x1", parameters: 1_000, flopsPerToken: 6_000 },
      { name: "64x2", parameters: 30_000, flopsPerToken: 180_000 },
    ],
    trainings: [
      { size: "32x1", budget: "10steps", seed: 0, loss: 5, tokens: 5_120, steps: 10, elapsedSeconds: 1 },
      { size: "64x2", budget: "10steps", seed: 0, loss: 4.5, tokens: 5_120, steps: 10, elapsedSeconds: 2 },
    ],
    law: { irreducible: 2, parameterFactor: 10, parameterExponent: 0.5, tokenFactor: 10, tokenExponent: 0.5 },
    resampled: [
      {
        law: { irreducible: 2, parameterFactor: 10, parameterExponent: 0.5, tokenFactor: 10, tokenExponent: 0.5 },
        residual: 0,
      },
    ],
    heldOut: {
      ...{ size: "64x2", wasBefore: true },
      budgets: [{ budget: "10steps", tokens: 5_120, loss: 4.6, low: 4.4, high: 4.8, measured: 4.5 }],
    },
  };
  const page = writeAnalysis([], new Map(), new Map([["small", law]]));
  assert.ok(page.includes("`cram scale --sizes 32x1,64x2 --budgets 10steps --seeds 0`"));
  assert.match(
    page,
    /64x2 at 10steps: 4\.600 \(4\.400 to 4\.800\).*before it was trained; it came to 4\.500, inside\./,
  );
  assert.ok(page.includes("| 64x2 | 30,000 | 10steps | 0 | 5,120 | 4.500 |"));
});

const sweeps = [
  ...["ablation", "ablation-more", "optimizers", "objectives", "token-dropping", "tokenizers"],
  ...["crammed", "crammed-256", "plateau"],
];
for (const name of sweeps) {
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
