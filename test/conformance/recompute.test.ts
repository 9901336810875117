// Gradient checkpointing: a micro-batch takes much less memory, more arithmetic, and every parameter is the same to the bit.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileForCpu, openCpu } from "../../src/backends/cpu/cpu.ts";
import { compileForCuda } from "../../src/backends/cuda/cuda.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import type { Program } from "../../src/compiler/program/program.ts";
import type { Graph } from "../../src/graph/tensor.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe, type Recipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";
import { fetchValues } from "../fetch-tensors.ts";
import { tinyRecipe, trainTiny } from "./tiny-training.ts";

const recipeOf = (...assignments: readonly string[]) =>
  overrideRecipe(tinyRecipe("adamw"), ["model.layers=4", ...assignments]);
const recompute = "train.recompute=true";

const targets: Readonly<Record<string, (graph: Graph) => Program>> = {
  "cpu f32": graph => compileForCpu(graph, 2, "f32"),
  "cpu bf16": graph => compileForCpu(graph, 2, "bf16"),
  "cuda bf16": graph => compileForCuda(graph, "bf16", figuresOf(80)),
};
const countFlops = ({ launches }: Program) => launches.reduce((total, { flops }) => total + flops, 0);

for (const [name, compile] of Object.entries(targets)) {
  test(`${name}: half of the memory, and not more than the forward pass again`, () => {
    const compileNext = (recipe: Recipe) =>
      compile(buildStepGraphs({ ...defineTraining(recipe), isOfOne: false }).next!);
    const sizes = ["model.sequenceLength=64", "model.layers=8"];
    const [whole, lean] = [compileNext(recipeOf(...sizes)), compileNext(recipeOf(...sizes, recompute))];
    assert.ok(lean.arenaBytes < 0.5 * whole.arenaBytes, `${lean.arenaBytes} of ${whole.arenaBytes} bytes`);
    // Forward is a third of a step.
    assert.ok(countFlops(lean) > countFlops(whole) && countFlops(lean) < (4 / 3) * countFlops(whole));
    // No kernel is another: some are only run twice.
    assert.deepEqual(lean.kernels, whole.kernels);
  });
}

test("bf16: the same bits, of a second gradient, too", async () => {
  const parameters = [];
  for (const more of [[], [recompute]]) {
    const options = ["model.mixer.valueResidual=true", "optimizer.sharpness=0.05", "model.embedding.bigramRows=40"];
    const recipe = recipeOf(...options, ...more);
    const backend = await openCpu({ threads: 2, precision: "bf16" });
    const engine = await openEngine(backend, defineTraining(recipe));
    await trainTiny(engine, recipe, 0, 2);
    parameters.push(await fetchValues(engine.readParameters()));
    await backend.close();
  }
  assert.deepEqual(parameters[1], parameters[0]);
});
