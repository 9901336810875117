// A whole tiny training on the CUDA code path, its kernels run by the emulated device: the losses are those of the cpu backend, and
// a run that was interrupted goes on to the same bits.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../recipes/quickstart.ts";
import type { Backend } from "../src/backends/backend.ts";
import { openCpu } from "../src/backends/cpu/cpu.ts";
import { openCudaOn } from "../src/backends/cuda/cuda.ts";
import { RandomSequence, streams } from "../src/base/random.ts";
import { makePositionInput } from "../src/model/inputs.ts";
import { countMasked, defineTraining } from "../src/train/definition.ts";
import { overrideRecipe } from "../src/train/recipe.ts";
import { type Engine, type Inputs, openEngine, type StepResult } from "../src/train/step.ts";
import { emulatorAbsent, openEmulatedDriver } from "./cuda-emulator/emulated-driver.ts";

const skip = emulatorAbsent ?? false;
const steps = 4;
const microBatches = 2;

const recipeOf = (optimizer: "adamw" | "muon") =>
  overrideRecipe(quickstart, [
    ...["model.width=32", "model.layers=2", "model.heads=2", "model.feedForward=48", "model.vocabulary=64"],
    ...[
      "model.sequenceLength=12",
      "train.microBatchSequences=3",
      `optimizer.name=${optimizer}`,
      "optimizer.learningRate=0.01",
    ],
  ]);

function drawBatch(number: number, recipe: ReturnType<typeof recipeOf>): Inputs {
  const { model, train } = recipe;
  const random = new RandomSequence(7, streams.sampling, number);
  const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
  const tokens = draw(train.microBatchSequences * model.sequenceLength, model.vocabulary);
  const positions = draw(train.microBatchSequences * countMasked(recipe), tokens.length);
  // What stands there: a rule that is learnt in a few steps.
  return { tokens, positions, labels: positions.map(at => tokens[at]!), ...makePositionInput(model) };
}

async function train(
  engine: Engine,
  recipe: ReturnType<typeof recipeOf>,
  from = 0,
  end = steps,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = from; step < end; step++) {
    for (let i = 0; i < microBatches; i++) {
      await engine.accumulate(drawBatch(step * microBatches + i, recipe), i === 0);
    }
    results.push(await engine.update({ step: step + 1, rateScale: 1 }, microBatches));
  }
  return results;
}

/** Trains on both and gives the largest relative differences of losses and of parameters, which are compared as a whole. */
async function compare(cpu: Backend, cuda: Backend, recipe: ReturnType<typeof recipeOf>) {
  const engines = [
    await openEngine(cpu, defineTraining(recipe)),
    await openEngine(cuda, defineTraining(recipe)),
  ] as const;
  const [expected, seen] = [await train(engines[0], recipe), await train(engines[1], recipe)] as const;
  const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(a);
  let squares = 0;
  let differences = 0;
  const theirs = engines[1].readParameters();
  engines[0].readParameters().forEach(({ read }, i) => {
    const other = theirs[i]!.read();
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
      const seen = await compare(cpu, cuda, recipeOf(optimizer));
      const shown = JSON.stringify(seen);
      assert.ok(seen.falls, shown);
      // Sums are taken in another order: 2^-24 a sum, and four updates that carry it on.
      assert.ok(seen.loss < 1e-6 && seen.gradientNorm < 2e-6, shown);
      assert.ok(seen.parameters < 1e-5, shown);
    });
  });
}

test("adamw in bf16: both round operands to eight bits, and what is rounded differs in its last one", {
  skip,
}, async () => {
  await withBoth("bf16", async (cpu, cuda) => {
    const seen = await compare(cpu, cuda, recipeOf("adamw"));
    const shown = JSON.stringify(seen);
    assert.ok(seen.falls, shown);
    assert.ok(seen.loss < 1e-4 && seen.gradientNorm < 1e-3, shown);
    // AdamW divides by the size of a gradient, so a small one of either sign moves its parameter as far.
    assert.ok(seen.parameters < 2e-2, shown);
  });
});

test("interrupted and resumed on another device: the same bits", { skip }, async () => {
  const recipe = recipeOf("adamw");
  const openOn = async () => {
    const backend = openCudaOn(await openEmulatedDriver(), { precision: "bf16" });
    return { backend, engine: await openEngine(backend, defineTraining(recipe)) };
  };
  const copy = (tensors: ReturnType<Engine["readParameters"]>) =>
    tensors.map(({ name, shape, read }) => {
      const values = read();
      return { name, shape, read: () => values };
    });
  const whole = await openOn();
  const losses: number[] = [];
  let middle: ReturnType<typeof copy> = [];
  for (let step = 0; step < steps; step++) {
    if (step === 2) middle = copy([...whole.engine.readParameters(), ...whole.engine.readMoments()]);
    losses.push(...(await train(whole.engine, recipe, step, step + 1)).map(({ loss }) => loss));
  }
  const end = copy(whole.engine.readParameters()).map(({ read }) => read());
  await whole.backend.close();

  const resumed = await openOn();
  resumed.engine.restore(middle);
  const later = (await train(resumed.engine, recipe, 2)).map(({ loss }) => loss);
  assert.deepEqual(later, losses.slice(2));
  assert.deepEqual(
    resumed.engine.readParameters().map(({ read }) => read()),
    end,
  );
  await resumed.backend.close();
});
