// The loss scale of several ranks, where a gradient is too large for it on one of them alone: what overflows is a gradient times the scale,
// as it is of f16 on a GPU.

import assert from "node:assert/strict";
import { test } from "node:test";
import { joinRanks } from "../../../test/collective/joined-ranks.ts";
import { openReference } from "../../backends/reference/reference.ts";
import type { Collective } from "../../collective/collective.ts";
import { input, multiply, subtract, sum } from "../../graph/operations.ts";
import { createBatchEnd } from "../../optim/batch-end.ts";
import type { LossScale } from "../../optim/loss-scale.ts";
import { queueBatches } from "../batch-queue.ts";
import { openEngine } from "../step/engine.ts";
import { isFiniteStep } from "../step/guard.ts";
import { createStepTaker } from "../step/micro-batches.ts";
import type { TrainingDefinition } from "../step/training-definition.ts";
import { nameOuter, openLocalSteps } from "./local-steps.ts";
import { concludeStep } from "./rank-orders.ts";
import { createRankSums } from "./rank-sums.ts";

const outer = nameOuter("weight");
/** The gradient is the factors; the update guards itself. */
const definition: TrainingDefinition = {
  parameters: new Map([["weight", [1]]]),
  moments: new Map([[outer, { shape: [1], dtype: "f32" }]]),
  loss: parameters => sum(multiply(parameters.get("weight")!, input("factors", [1], "f32")), [0]),
  update: (parameters, gradients) => {
    const gradient = gradients.get("weight")!;
    return {
      updates: { weight: subtract(parameters.get("weight")!, gradient) },
      gradientNorm: sum(multiply(gradient, gradient), [0]),
    };
  },
  scheduleInputs: () => ({}),
  initialise: () => Float32Array.of(0),
};

/** Of the steps, one micro-batch a rank; that of step 2 of rank 1 times 2^16 is beyond f32. */
const factorOf = (microBatch: number, ranks: number) => (microBatch === ranks + 1 ? 2 ** 113 : 1);

interface Seen {
  readonly weight: number;
  readonly scale: LossScale;
  /** Of each step, whether it was done. */
  readonly done: readonly boolean[];
}

async function runRank(collective: Collective, isLocal: boolean, steps = 4): Promise<Seen> {
  const { size } = collective;
  const backend = { ...openReference(), scalesLoss: true };
  const engine = await openEngine(backend, definition);
  const training = (first: number) => ({ factors: Float32Array.of(factorOf(first, Math.max(size, 2))) });
  const source = { datasetHash: "", unigramEntropy: 0, validationBatches: 0, validation: () => ({}), training };
  const sums = createRankSums(collective, backend, engine.states, { isInOrder: false, isLocal });
  const batchEnd = createBatchEnd(undefined, undefined);
  const queue = queueBatches(source, 1);
  const take = createStepTaker({ engine, queue, microBatchSequences: 1, seed: 0, batchEnd, sums });
  const outerSettings = { everySteps: steps, rate: 0.7, momentum: 0.9 };
  const local = openLocalSteps(collective, backend, engine, definition, outerSettings);
  await local.begin();
  const done: boolean[] = [];
  const most = Math.max(size, 2);
  for (let step = 1; step <= steps; step++) {
    const taken = await take({ step, firstSequence: (step - 1) * most, most, rateScale: 1, progress: 0 });
    if (!isLocal) await concludeStep(collective, taken, false);
    done.push(isFiniteStep(taken));
  }
  if (isLocal) await local.bringTogether(false);
  const weight = (await backend.read(engine.states.get("weight")!))[0]!;
  return { weight, scale: engine.lossScale!.read(), done };
}

const runRanks = (size: number, isLocal = false) => Promise.all(joinRanks(size).map(each => runRank(each, isLocal)));

test("a gradient that is too large on one rank is skipped by all, which have the scale of one process", async () => {
  // One process takes two micro-batches a step, as two ranks do.
  const [alone] = await runRanks(1);
  assert.deepEqual(alone, { weight: -3, scale: { factor: 2 ** 15, steadySteps: 2 }, done: [true, false, true, true] });
  for (const size of [2, 3]) for (const rank of await runRanks(size)) assert.deepEqual(rank, alone, `${size} ranks`);
});

test("local steps have scales of their own, and one, the least, when they are brought together", async () => {
  const [first, second, third] = await runRanks(3, true);
  assert.deepEqual(first!.done, [true, true, true, true]);
  assert.deepEqual(second!.done, [true, false, true, true]);
  for (const { scale, weight } of [first!, second!, third!]) {
    assert.deepEqual(scale, { factor: 2 ** 15, steadySteps: 2 });
    // The mean of four, three and four steps of 1.
    assert.ok(Math.abs(weight + 11 / 3) < 1e-6, String(weight));
  }
});
