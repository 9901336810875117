// Every objective trains a tiny model: it lowers its loss, resumes from a checkpoint to the same bits with all that it remembers, and
// compiled is what it is on the reference.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/checkpoint/state.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { state } from "../../src/graph/operations.ts";
import { countElements } from "../../src/graph/tensor.ts";
import { drawBatch, drawValidationBatch } from "../../src/machine/measure-step.ts";
import { findObjectiveMemory, objectives } from "../../src/objectives/objectives.ts";
import { globalNorm } from "../../src/optim/clip.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe, type Recipe } from "../../src/train/recipe.ts";
import { type Engine, openEngine, type StepResult } from "../../src/train/step/engine.ts";

import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";
import { fetchValues } from "../fetch-tensors.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-objectives-"));
after(() => rmSync(folder, { recursive: true }));

/** Settings that suit a model of three layers and micro-batches of two. */
const settings: Readonly<Record<string, readonly string[]>> = {
  masked: ["candidates=20"],
  mixed: ["causal=0.5"],
  "token-dropping": ["lossDecay=0.5"],
  "late-masks": ["lastLayers=1"],
  electra: ["generatorWidth=0.5"],
  script: [],
};

const recipeOf = (name: string, ...changes: readonly string[]) =>
  overrideRecipe(quickstart, [
    ...["model.width=8", "model.layers=3", "model.heads=2", "model.feedForward=16", "model.vocabulary=24"],
    ...["model.sequenceLength=8", "train.microBatchSequences=2", "train.precision=f32"],
    ...["optimizer.name=adamw", "optimizer.learningRate=0.01"],
    ...[`objective.name=${name}`, ...settings[name]!.map(pair => `objective.${pair}`), ...changes],
  ]);

const batchOf = (recipe: Recipe, seed: number) => drawBatch({ ...recipe, train: { ...recipe.train, seed } });

/** Steps of two micro-batches each. */
async function trainSteps(engine: Engine, recipe: Recipe, from: number, to: number): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = from; step <= to; step++) {
    for (const i of [0, 1]) await engine.accumulate(batchOf(recipe, i), i === 0);
    results.push(await engine.update({ step, rateScale: 1 }, 2));
  }
  return results;
}

const readAll = (engine: Engine) => fetchValues([...engine.readParameters(), ...engine.readMoments()]);

test("every objective has settings here", () => {
  assert.deepEqual(
    Object.keys(settings),
    objectives.map(({ name }) => name),
  );
});

for (const { name } of objectives) {
  test(`${name} lowers its loss, and resumes to the same bits`, async () => {
    const recipe = recipeOf(name);
    const definition = defineTraining(recipe);
    const [whole, resumed] = await Promise.all([1, 2].map(() => openEngine(openReference(), definition)));
    const begun = await trainSteps(whole!, recipe, 1, 4);
    const run = join(folder, name);
    const counters = { step: 4, sequences: 0, elapsedSeconds: 1, seed: 0, recipeHash: "", datasetHash: "" };
    await saveCheckpoint(run, { counters, parameters: whole!.readParameters(), moments: whole!.readMoments() });
    const { parameters, moments } = loadCheckpoint(run, definition);
    // Nothing that it remembers is still what it began as.
    for (const key of findObjectiveMemory(recipe)?.states.keys() ?? []) {
      const stored = moments.find(tensor => tensor.name === key);
      assert.ok(
        stored?.read().some(value => value !== 0),
        key,
      );
    }
    // The reference computes in float64 and the file has float32: both go on from the file.
    for (const engine of [whole!, resumed!]) engine.restore([...parameters, ...moments]);
    const results = await trainSteps(whole!, recipe, 5, 6);
    assert.deepEqual(await trainSteps(resumed!, recipe, 5, 6), results);
    assert.deepEqual(await readAll(resumed!), await readAll(whole!));
    const [first, last] = [begun[0]!.loss, results.at(-1)!.loss];
    assert.ok(last < 0.95 * first, `${first} to ${last}`);
    assert.ok(Number.isFinite(await whole!.validate(drawValidationBatch(recipe))));
  });
}

/** Those that put something new to a compiler; with CRAM_ALL_OBJECTIVES every one is compiled, which takes a minute. */
const compiled =
  process.env.CRAM_ALL_OBJECTIVES === undefined ? ["token-dropping"] : objectives.map(({ name }) => name);
const openOthers = async () =>
  process.env.CRAM_ALL_OBJECTIVES === undefined || emulatorAbsent !== undefined ? [] : [await openEmulatedCuda()];

for (const name of compiled) {
  test(`${name}, with layers left out and documents apart, compiled is what it is on the reference`, async () => {
    const recipe = recipeOf(name, "train.layerDrop=0.5", "data.separateDocuments=true");
    const results: Record<string, ArrayLike<number>>[] = [];
    for (const backend of [openReference(), await openCpu({ threads: 2 }), ...(await openOthers())]) {
      const { parameters: shapes, initialise, observations, loss: measure } = defineTraining(recipe);
      const parameters = new Map([...shapes].map(([key, shape]) => [key, state(key, shape)] as const));
      const states = new Map([...shapes].map(([key, shape]) => [key, backend.allocate(shape, "f32")] as const));
      for (const key of shapes.keys()) backend.write(states.get(key)!, initialise(key));
      for (const [key, shape] of findObjectiveMemory(recipe)?.states ?? []) {
        states.set(key, backend.allocate(shape, "f32"));
        backend.write(
          states.get(key)!,
          Float32Array.from({ length: countElements(shape) }, (_, i) => Math.sin(i)),
        );
      }
      const { loss, seen = {} } = observations?.compute(parameters) ?? { loss: measure(parameters) };
      const norm = globalNorm(differentiate(loss, [...parameters.values()]));
      const program = await backend.load({ outputs: { loss, norm, ...seen }, updates: {} }, states);
      results.push(await program.run(batchOf(recipe, 1)));
      await backend.close();
    }
    for (const [key, values] of results.slice(1).flatMap(Object.entries<ArrayLike<number>>)) {
      Array.from(results[0]![key]!).forEach((value, i) => {
        const other = values[i]!;
        assert.ok(
          Math.abs(other - value) < 1e-4 * Math.max(1, Math.abs(value)),
          `${key} ${i}: ${other} against ${value}`,
        );
      });
    }
  });
}
