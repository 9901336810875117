// Every optimizer trains a tiny model below one loss, and resumes from its checkpoint to the same bits: states, probes and the steps
// between included.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openReference } from "../../src/backends/reference/reference.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/checkpoint/state.ts";
import { optimizers } from "../../src/optim/optimizers.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { type Engine, openEngine } from "../../src/train/step/engine.ts";
import { fetchValues } from "../fetch-tensors.ts";
import { tinyRecipe, trainTiny } from "./tiny-training.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-optimizers-"));
after(() => rmSync(folder, { recursive: true }));

/** The batches' rule is learnt from log 64 = 4.16. */
const statedLoss = 3.55;
const [cut, end] = [5, 12];

/** Settings that suit a model of width 16 and 12 steps. */
const settings: Readonly<Record<string, readonly string[]>> = {
  adamw: ["learningRate=0.01"],
  muon: ["learningRate=0.01", "muonNeuronMemory=0.9", "muonFirstMomentum=0.8", "muonMomentumSteps=12"],
  sgd: ["learningRate=0.2"],
  lars: ["learningRate=1"],
  lion: ["learningRate=0.01", "cautious=true", "beta2=0.99"],
  adam: ["learningRate=0.01"],
  "adamw-scale": ["learningRate=0.3"],
  radam: ["learningRate=0.2"],
  nadam: ["learningRate=0.03", "layerDecay=0.8"],
  adafactor: ["learningRate=0.3", "relativeStep=false"],
  lamb: ["learningRate=0.1", "sharpness=0.02"],
  shampoo: ["learningRate=0.01", "blockSize=8", "interval=3"],
  soap: ["learningRate=0.01", "blockSize=4", "interval=3"],
  sophia: ["learningRate=0.01", "interval=4"],
  adahessian: ["learningRate=0.1", "interval=2"],
};

/** Of each what it is called and what it needs beside the settings of its optimizer. */
const cases: readonly (readonly [title: string, name: string, more: readonly string[]])[] = [
  ...optimizers.map(({ name }) => [name, name, []] as const),
  // Of width 16, the feed-forward's first matrix has 4096 numbers.
  ["adamw with moments in eight bits", "adamw", ["model.feedForward=256", "optimizer.momentBlock=256"]],
  ["soap with moments in eight bits", "soap", ["model.feedForward=256", "optimizer.momentBlock=100"]],
];

for (const [title, name, more] of cases) {
  test(`${title} trains, and resumes to the same bits`, async () => {
    const own = settings[name];
    assert.ok(own !== undefined, "no settings here");
    const recipe = overrideRecipe(tinyRecipe("adamw"), [
      ...["model.width=16", "model.layers=1", "model.feedForward=32", `optimizer.name=${name}`, "optimizer.clip=0"],
      ...own.map(pair => `optimizer.${pair}`),
      ...more,
    ]);
    const run = join(folder, title);
    const definition = defineTraining(recipe);
    const [whole, resumed] = [
      await openEngine(openReference(), definition),
      await openEngine(openReference(), definition),
    ];
    await trainTiny(whole, recipe, 0, cut);
    const counters = { step: cut, sequences: 0, elapsedSeconds: 1, seed: 0, recipeHash: "", datasetHash: "" };
    await saveCheckpoint(run, { counters, parameters: whole.readParameters(), moments: whole.readMoments() });
    // The reference computes in float64 and the file has float32: both go on from the file.
    const { parameters, moments } = loadCheckpoint(run, definition);
    for (const engine of [whole, resumed]) engine.restore([...parameters, ...moments]);
    const results = await trainTiny(whole, recipe, cut, end);
    assert.deepEqual(await trainTiny(resumed, recipe, cut, end), results);
    const read = (engine: Engine) => fetchValues([...engine.readParameters(), ...engine.readMoments()]);
    assert.deepEqual(await read(resumed), await read(whole));
    assert.ok(results.at(-1)!.loss < statedLoss, `a loss of ${results.map(({ loss }) => loss.toFixed(2))}`);
  });
}
