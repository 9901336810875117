// A tiny training that two backends do side by side: batches with a rule that is learnt in a few steps, and how far losses,
// gradients and parameters of the two come apart.

import { quickstart } from "../../recipes/quickstart.ts";
import type { Backend, HostInputs } from "../../src/backends/backend.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { makeTables } from "../../src/model/inputs.ts";
import { drawCandidates } from "../../src/objectives/candidates.ts";
import { countMasked } from "../../src/objectives/predictions.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe, type Recipe } from "../../src/train/recipe.ts";
import { type Engine, openEngine, type StepResult } from "../../src/train/step/engine.ts";
import { fetchTensors } from "../fetch-tensors.ts";

export const tinySteps = 4;
const microBatches = 2;

export const tinyRecipe = (optimizer: "adamw" | "muon") =>
  overrideRecipe(quickstart, [
    ...["model.width=32", "model.layers=2", "model.heads=2", "model.feedForward=48", "model.vocabulary=64"],
    ...[
      "model.sequenceLength=12",
      "train.microBatchSequences=3",
      `optimizer.name=${optimizer}`,
      "optimizer.learningRate=0.01",
    ],
  ]);

function drawBatch(number: number, recipe: Recipe): HostInputs {
  const { model, train } = recipe;
  const random = new RandomSequence(7, streams.sampling, number);
  const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
  const tokens = draw(train.microBatchSequences * model.sequenceLength, model.vocabulary);
  const positions = draw(train.microBatchSequences * countMasked(recipe), tokens.length);
  // What stands there: a rule that is learnt in a few steps.
  const labels = positions.map(at => tokens[at]!);
  const count = recipe.objective?.name === "masked" ? recipe.objective.candidates : undefined;
  const drawn = count === undefined ? {} : drawCandidates(labels, model.vocabulary, count, number);
  return { tokens, positions, labels, ...drawn, ...makeTables(model) };
}

/** Steps `from` to `end`, from whatever state the engine is in. */
export async function trainTiny(engine: Engine, recipe: Recipe, from = 0, end = tinySteps): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = from; step < end; step++) {
    const batches = Array.from({ length: microBatches }, (_, i) => drawBatch(step * microBatches + i, recipe));
    engine.foresee?.(batches);
    for (const [i, batch] of batches.entries()) await engine.accumulate(batch, i === 0);
    if (engine.isDue?.(step + 1) ?? true) {
      for (const [i, batch] of batches.entries()) {
        await engine.probe?.(batch, { isFirst: i === 0, microBatches, seed: step * microBatches + i });
      }
    }
    results.push(await engine.update({ step: step + 1, rateScale: 1 }, microBatches));
  }
  return results;
}

/** Trains on both and gives the largest relative differences of losses and of parameters, which are compared as a whole. */
export async function compareTrainings(one: Backend, other: Backend, recipe: Recipe) {
  const engines = [
    await openEngine(one, defineTraining(recipe)),
    await openEngine(other, defineTraining(recipe)),
  ] as const;
  const [expected, seen] = [await trainTiny(engines[0], recipe), await trainTiny(engines[1], recipe)] as const;
  const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(a);
  let squares = 0;
  let differences = 0;
  const [ours, theirs] = await Promise.all(engines.map(engine => fetchTensors(engine.readParameters())));
  ours!.forEach(({ read }, i) => {
    const other = theirs![i]!.read();
    read().forEach((value, at) => {
      squares += value ** 2;
      differences += (value - other[at]!) ** 2;
    });
  });
  return {
    loss: Math.max(...expected.map((one, i) => relative(one.loss, seen[i]!.loss))),
    gradientNorm: Math.max(...expected.map((one, i) => relative(one.gradientNorm, seen[i]!.gradientNorm))),
    parameters: Math.sqrt(differences / squares),
    falls: seen.at(-1)!.loss < seen[0]!.loss,
  };
}
