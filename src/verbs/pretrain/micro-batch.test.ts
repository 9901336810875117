import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import type { Backend } from "../../backends/backend.ts";
import { compileForCuda } from "../../backends/cuda/cuda.ts";
import { figuresOf } from "../../backends/cuda/figures.ts";
import { openReference } from "../../backends/reference/reference.ts";
import type { Graph } from "../../graph/tensor.ts";
import { measurePrograms } from "../../plan/programs.ts";
import { overrideRecipe } from "../../train/recipe.ts";
import type { RecipeChoice } from "../recipe.ts";
import { fitMicroBatch } from "./micro-batch.ts";
import { planNewRun } from "./run-plan.ts";

const recipe = overrideRecipe(quickstart, [
  ...["model.width=32", "model.layers=1", "model.heads=2", "model.feedForward=64", "model.vocabulary=96"],
  ...["model.sequenceLength=16", "schedule.batchSequences=100", "train.microBatchSequences=3"],
]);
const compile = (graph: Graph) => compileForCuda(graph, "bf16", figuresOf(90));
const needsOf = (size: number) =>
  measurePrograms(overrideRecipe(recipe, [`train.microBatchSequences=${size}`]), compile).memory.total;
const backendOf = (bytes: number): Backend => ({ ...openReference(), compile, availableBytes: () => bytes });
const chosen = (bytes: number) => fitMicroBatch(recipe, backendOf(bytes)).train.microBatchSequences;

test("the largest power of two whose programs fit into nearly all that is free", () => {
  const [eight, sixteen] = [needsOf(8), needsOf(16)];
  assert.ok(eight < sixteen);
  assert.equal(chosen(Math.ceil(sixteen / 0.95)), 16);
  assert.equal(chosen(Math.floor(sixteen / 0.95) - 1), 8);
  assert.equal(chosen(Math.ceil(eight / 0.95)), 8);
});

test("never more than the full batch, however large the memory", () => {
  assert.equal(chosen(1e15), 64);
});

test("never more than leaves a candidate to be drawn, which a recipe with candidates needs", () => {
  // Four of sixteen tokens are predicted: 31 candidates are above seven sequences' and not above eight's.
  const few = overrideRecipe(recipe, ["objective.name=masked", "objective.candidates=31"]);
  assert.equal(fitMicroBatch(few, backendOf(1e15)).train.microBatchSequences, 4);
  const all = overrideRecipe(recipe, ["objective.name=masked", "objective.candidates=96"]);
  assert.equal(fitMicroBatch(all, backendOf(1e15)).train.microBatchSequences, 64);
});

test("a run is planned with the number that was given, or left to the memory", () => {
  const planned = planNewRun({ data: "data", recipe: "quickstart", microBatch: 8 });
  assert.equal(planned.recipe.train.microBatchSequences, 8);
  assert.equal(planned.fitsMemory, false);
  assert.equal(planNewRun({ data: "data", recipe: "quickstart", microBatch: "auto" }).fitsMemory, true);
});

test("what does not fit at all, and a backend without programs, are errors", () => {
  assert.throws(() => chosen(needsOf(1)), {
    code: "E_MEMORY",
    message: /one sequence at a time needs .* GB, and .* GB are free/,
  });
  assert.throws(() => fitMicroBatch(recipe, openReference()), {
    code: "E_OPTION",
    message: /reference has no programs/,
  });
});

test("a micro-batch that does not suit is named as it was given", () => {
  const plan = { data: "data", recipe: "quickstart", set: ["objective.name=mixed"], microBatch: 3 };
  assert.throws(
    () => planNewRun(plan),
    (error: Error) => {
      assert.match(error.message, /of --micro-batch 3 is no whole number/);
      assert.doesNotMatch(error.message, /train\./);
      return true;
    },
  );
});

test("what another objective leaves of a recipe's own is said, unless it was taken away", () => {
  const leftOut = (...set: string[]) => planNewRun({ data: "data", recipe: "crammed-mini", set }).leftOut;
  assert.deepEqual(leftOut("objective.name=electra"), [
    "objective.candidates 2048 of crammed-mini is left out: objective.name electra has none",
  ]);
  assert.deepEqual(leftOut("objective.name=script", "objective.candidates=null"), []);
  assert.deepEqual(leftOut("train.seed=1"), []);
});

test("a recipe's lazy update is left out where what is set does not go with it, and said, unless it is asked for or taken away", () => {
  const plan = (recipe: RecipeChoice["recipe"], ...set: string[]) => {
    const planned = planNewRun({ data: "data", recipe, set });
    return { isLazy: planned.recipe.optimizer.lazyEmbedding === true, leftOut: planned.leftOut };
  };
  const of = "optimizer.lazyEmbedding of crammed-mini-64k is left out: it";
  for (const [set, said] of [
    ["objective.name=electra", `${of} must know which rows a step reads, and objective.name is electra`],
    [
      "optimizer.name=lion",
      `${of} moves some rows without the others, and the step of lion is not known to be one element's alone`,
    ],
    [
      "objective.candidates=null",
      `${of} changes nothing: a head of the whole vocabulary, tied to the embedding, touches every row`,
    ],
    ["optimizer.sharpness=0.1", `${of} gives the update some rows of the embedding, and sharpness wants all`],
  ] as const) {
    const more = set === "objective.candidates=null" ? ["objective.candidatePower=null"] : [];
    const { isLazy, leftOut } = plan("crammed-mini-64k", set, ...more);
    assert.equal(isLazy, false, set);
    assert.deepEqual(
      leftOut!.filter(text => text.startsWith("optimizer.")),
      [said],
    );
    assert.deepEqual(
      plan("crammed-mini-64k", set, ...more, "optimizer.lazyEmbedding=null").leftOut!.filter(text =>
        text.startsWith("optimizer."),
      ),
      [],
    );
    assert.throws(
      () => plan("crammed-mini-64k", set, ...more, "optimizer.lazyEmbedding=true"),
      /optimizer\.lazyEmbedding /,
    );
  }
  assert.deepEqual(plan("crammed-mini-64k", "optimizer.learningRate=0.001"), { isLazy: true, leftOut: [] });
  // A recipe that does not go together by itself is refused whatever is set.
  const own = { extends: "crammed-mini-64k", name: "own", optimizer: { cautious: true } } as const;
  assert.throws(() => plan(own, "train.seed=1"), /lazyEmbedding .* cautious/);
});
