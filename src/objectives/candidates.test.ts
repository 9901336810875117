import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { quickstart } from "../../recipes/quickstart.ts";
import { openReference } from "../backends/reference/reference.ts";
import { drawBatch } from "../machine/measure-step.ts";
import { defineTraining } from "../train/definition.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { openEngine } from "../train/step/engine.ts";
import { drawCandidates } from "./candidates.ts";
import { countTokenFlops } from "./objectives.ts";

test("every label is found at its place, known ones come first and ascending, and no token is drawn twice", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 60 }).chain(vocabulary =>
        fc.record({
          vocabulary: fc.constant(vocabulary),
          labels: fc.array(fc.integer({ min: -1, max: vocabulary - 1 }), { minLength: 1, maxLength: vocabulary - 2 }),
          seed: fc.nat(),
        }),
      ),
      ({ vocabulary, labels, seed }) => {
        const count = labels.length + 1;
        const drawn = drawCandidates(Int32Array.from(labels), vocabulary, count, seed);
        const tokens = [...drawn.candidates];
        const predicted = [...new Set(labels.filter(label => label >= 0))].sort((a, b) => a - b);
        assert.deepEqual([...drawn.known], [predicted.length]);
        assert.deepEqual(tokens.slice(0, predicted.length), predicted);
        assert.equal(new Set(tokens).size, count);
        assert.ok(tokens.every(token => token >= 0 && token < vocabulary));
        assert.deepEqual(
          [...drawn.labels].map(place => (place < 0 ? place : tokens[place])),
          labels,
        );
      },
    ),
  );
});

test("what is not predicted is drawn equally often (bound at 5 sigma), and another seed draws others", () => {
  const times = new Float64Array(40);
  const draws = 4000;
  for (let seed = 0; seed < draws; seed++) {
    for (const token of drawCandidates(Int32Array.of(7, 3, 7), 40, 21, seed).candidates) times[token]!++;
  }
  const share = 19 / 38;
  const sigma = Math.sqrt(draws * share * (1 - share));
  for (const [token, count] of times.entries()) {
    if (token === 3 || token === 7) assert.equal(count, draws);
    else assert.ok(Math.abs(count - draws * share) < 5 * sigma, `token ${token}: ${count}`);
  }
});

const tiny = [
  ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
  ...["model.sequenceLength=16", "train.microBatchSequences=2", "optimizer.name=adamw", "optimizer.learningRate=0.01"],
  ...["objective.name=masked", "model.initialisation=normal"],
];
const recipeWith = (...changes: readonly string[]) => overrideRecipe(quickstart, [...tiny, ...changes]);

/** Mean loss and norm of the gradient of one batch at first parameters, in float64, by as many draws of its candidates as there are seeds. */
async function measure(seeds: readonly number[], ...changes: readonly string[]) {
  const recipe = recipeWith(...changes);
  const engine = await openEngine(openReference(), defineTraining(recipe));
  const whole = drawBatch(recipeWith());
  const { candidates } = recipe.objective as { readonly candidates?: number };
  for (const [i, seed] of seeds.entries()) {
    const drawn = candidates && drawCandidates(whole.labels as Int32Array, 40, candidates, seed);
    await engine.accumulate({ ...whole, ...(drawn ?? {}) }, i === 0);
  }
  return engine.update({ step: 1, rateScale: 1 }, seeds.length);
}

test("candidates that are the whole vocabulary have its loss and gradient, with a bias of the decoder and without", async () => {
  for (const head of ["model.head=tied", "model.head=transform"]) {
    const [all, asked] = [await measure([0], head), await measure([0], head, "objective.candidates=40")];
    assert.ok(Math.abs(all.loss - asked.loss) < 1e-6 * all.loss, `${head}: ${all.loss} ${asked.loss}`);
    assert.ok(Math.abs(all.gradientNorm - asked.gradientNorm) < 1e-5 * all.gradientNorm, head);
  }
});

test("fewer candidates estimate the loss and the gradient of the whole vocabulary: their means over draws are these", async () => {
  const all = await measure([0]);
  const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
  const [one, mean] = [await measure([1], "objective.candidates=20"), await measure(seeds, "objective.candidates=20")];
  const off = (of: { readonly loss: number; readonly gradientNorm: number }) =>
    [of.loss / all.loss - 1, of.gradientNorm / all.gradientNorm - 1].map(Math.abs) as [number, number];
  const [loss, norm] = off(mean);
  assert.ok(loss < 1e-3, `loss off by ${loss}`);
  // What one draw leaves out is in the norm of its gradient, and gone from that of the mean.
  assert.ok(norm < 0.02 && norm < off(one)[1] / 3, `norm off by ${norm}, of one draw by ${off(one)[1]}`);
});

test("a token's cost is that of its candidates", () => {
  const [all, few] = [recipeWith(), recipeWith("objective.candidates=20")];
  assert.equal(countTokenFlops(all) - countTokenFlops(few), 6 * 0.25 * 20 * 16);
});

test("what cannot be estimated so is refused by name", () => {
  for (const [changes, said] of [
    [["objective.candidates=41"], /the vocabulary has 40/],
    [["objective.candidates=8"], /may predict 8 tokens/],
    [["objective.candidates=20", "loss.name=focal"], /plain cross-entropy/],
    [["objective.candidates=20", "loss.name=cross-entropy", "loss.labelSmoothing=0.1"], /plain cross-entropy/],
    [["objective.candidates=20", "model.decoder.logitCap=30"], /logitCap/],
  ] as const) {
    assert.throws(() => recipeWith(...changes), said);
  }
});
