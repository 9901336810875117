// A whole tiny training on the CUDA code path, its kernels run by the emulated device: the losses are those of the cpu backend, and
// a run that was interrupted goes on to the same bits, in f16 with the scale of its loss.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openCudaOn } from "../../src/backends/cuda/cuda.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import type { StoredTensor } from "../../src/checkpoint/safetensors.ts";
import type { LossScale } from "../../src/optim/loss-scale.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { compareTrainings, tinyRecipe, tinySteps, trainTiny } from "../conformance/tiny-training.ts";
import { emulatorAbsent, openEmulatedDriver } from "../cuda-emulator/emulated-driver.ts";
import { fetchTensors, fetchValues } from "../fetch-tensors.ts";

const skip = emulatorAbsent ?? false;

async function withBoth(precision: "f32" | "bf16", use: (cpu: Backend, cuda: Backend) => Promise<void>): Promise<void> {
  const cpu = await openCpu({ threads: 2, precision });
  const cuda = openCudaOn(await openEmulatedDriver(), { precision });
  try {
    await use(cpu, cuda);
  } finally {
    await cpu.close();
    await cuda.close();
  }
}

for (const optimizer of ["adamw", "muon"] as const) {
  test(`${optimizer} in f32: the losses of the cpu backend, to rounding`, { skip }, async () => {
    await withBoth("f32", async (cpu, cuda) => {
      const seen = await compareTrainings(cpu, cuda, tinyRecipe(optimizer));
      const shown = JSON.stringify(seen);
      assert.ok(seen.falls, shown);
      // Sums are taken in another order: 2^-24 a sum, and four updates that carry it on.
      assert.ok(seen.loss < 1e-6 && seen.gradientNorm < 2e-6, shown);
      assert.ok(seen.parameters < 1e-5, shown);
    });
  });
}

test("a lazy embedding in f32: the losses of the cpu backend, to rounding", { skip }, async () => {
  const lazy = ["objective.name=masked", "objective.candidates=40", "optimizer.lazyEmbedding=true"];
  await withBoth("f32", async (cpu, cuda) => {
    const seen = await compareTrainings(cpu, cuda, overrideRecipe(tinyRecipe("muon"), lazy));
    const shown = JSON.stringify(seen);
    assert.ok(seen.loss < 1e-6 && seen.gradientNorm < 2e-6 && seen.parameters < 1e-5, shown);
  });
});

test("adamw in bf16: both round operands to eight bits, and what is rounded differs in its last one", {
  skip,
}, async () => {
  await withBoth("bf16", async (cpu, cuda) => {
    const seen = await compareTrainings(cpu, cuda, tinyRecipe("adamw"));
    const shown = JSON.stringify(seen);
    assert.ok(seen.falls, shown);
    // The last attention is of primitives on one of the two, and rounds its probabilities behind their division.
    assert.ok(seen.loss < 2e-4 && seen.gradientNorm < 1e-3, shown);
    // AdamW divides by the size of a gradient, so a small one of either sign moves its parameter as far.
    assert.ok(seen.parameters < 2e-2, shown);
  });
});

test("in f16, which auto takes on 7.5: a scaled loss, and interrupted and resumed on another device the same bits", {
  skip,
}, async () => {
  const recipe = tinyRecipe("adamw");
  const openOn = async () => {
    const driver = await openEmulatedDriver({ computeCapability: 75 });
    const backend = openCudaOn(driver, { precision: "auto" });
    return { backend, engine: await openEngine(backend, defineTraining(recipe)) };
  };
  const exact = await trainTiny(await openEngine(openReference(), defineTraining(recipe)), recipe);
  const whole = await openOn();
  const losses: number[] = [];
  let scale: LossScale | undefined;
  let middle: StoredTensor[] = [];
  for (let step = 0; step < tinySteps; step++) {
    if (step === 2) scale = whole.engine.lossScale!.read();
    if (step === 2) middle = await fetchTensors([...whole.engine.readParameters(), ...whole.engine.readMoments()]);
    losses.push(...(await trainTiny(whole.engine, recipe, step, step + 1)).map(({ loss }) => loss));
  }
  const end = await fetchValues(whole.engine.readParameters());
  await whole.backend.close();
  // Eleven bits of operands, four updates by AdamW.
  for (const [i, { loss }] of exact.entries())
    assert.ok(Math.abs(losses[i]! - loss) < 1e-3 * loss, `${losses[i]} ${loss}`);
  assert.deepEqual(scale, { factor: 2 ** 16, steadySteps: 2 });

  const resumed = await openOn();
  resumed.engine.restore(middle);
  resumed.engine.lossScale!.restore(scale!);
  const later = (await trainTiny(resumed.engine, recipe, 2)).map(({ loss }) => loss);
  assert.deepEqual(later, losses.slice(2));
  assert.deepEqual(await fetchValues(resumed.engine.readParameters()), end);
  await resumed.backend.close();
});
