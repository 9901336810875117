// Local steps of several ranks in one process, against the same in NumPy (float64), where the outer step is PyTorch's SGD with nesterov=True.

import assert from "node:assert/strict";
import { test } from "node:test";
import { joinRanks } from "../../../test/collective/joined-ranks.ts";
import { openReference } from "../../backends/reference/reference.ts";
import type { Collective } from "../../collective/collective.ts";
import { add, input, multiply, state, subtract, sum } from "../../graph/operations.ts";
import { createBatchEnd } from "../../optim/batch-end.ts";
import { queueBatches } from "../batch-queue.ts";
import { openEngine } from "../step/engine.ts";
import { createStepTaker, type StepOrder } from "../step/micro-batches.ts";
import type { TrainingDefinition } from "../step/training-definition.ts";
import { nameOuter, openLocalSteps } from "./local-steps.ts";
import { followRanks, RankLeader } from "./rank-orders.ts";
import { createRankSums } from "./rank-sums.ts";

const outer = nameOuter("weight");
const shape = [2];

/** Half the factors times the squared weights, by momentum of 0.5 at a rate of 0.05. */
const definition: TrainingDefinition = {
  parameters: new Map([["weight", shape]]),
  moments: new Map([
    ["velocity", { shape, dtype: "f32" }],
    [outer, { shape, dtype: "f32" }],
  ]),
  loss: parameters => {
    const weight = parameters.get("weight")!;
    return sum(multiply(input("factors", shape, "f32"), multiply(multiply(weight, weight), 0.5)), [0]);
  },
  update: (parameters, gradients) => {
    const gradient = gradients.get("weight")!;
    const velocity = add(multiply(state("velocity", shape), 0.5), gradient);
    const weight = subtract(parameters.get("weight")!, multiply(velocity, 0.05));
    return { updates: { weight, velocity }, gradientNorm: sum(gradient, [0]) };
  },
  scheduleInputs: () => ({}),
  initialise: () => Float32Array.of(1, 1),
};
const names = ["weight", outer, "velocity"];
type Values = Readonly<Record<string, Float32Array>>;

/** Steps of these numbers of micro-batches, from a state behind `firstStep` steps. The ranks come together at every third and at the end. */
async function runRank(collective: Collective, sizes: readonly number[], from?: { step: number; values: Values }) {
  const { rank } = collective;
  const backend = openReference();
  const engine = await openEngine(backend, definition);
  const { states } = engine;
  for (const name of names) {
    // What rank 0 alone knows, the others are told.
    if (from !== undefined && rank === 0) backend.write(states.get(name)!, from.values[name]!);
  }
  const training = (first: number) => ({ factors: Float32Array.of((first % 5) + 1, ((first * 7) % 3) - 1) });
  const source = { datasetHash: "", unigramEntropy: 0, validationBatches: 0, validation: () => ({}), training };
  const queue = queueBatches(source, 1);
  const sums = createRankSums(collective, backend, states, { isInOrder: false, isLocal: true });
  const batchEnd = createBatchEnd(undefined, undefined);
  const take = createStepTaker({ engine, queue, microBatchSequences: 1, seed: 0, batchEnd, sums });
  const settings = { everySteps: 3, rate: 0.7, momentum: 0.9 };
  const local = openLocalSteps(collective, backend, engine, definition, settings);
  const parts = { backend, states, shared: new Set(names), local };
  const losses: number[] = [];
  if (rank > 0) {
    await followRanks({ collective, ...parts, badStepsAllowed: 10 }, take, new AbortController().signal);
  } else {
    const leader = new RankLeader<string>(collective);
    const lead = leader.lead(parts, sums);
    await lead.begin();
    const firstStep = from?.step ?? 0;
    let firstSequence = sizes.slice(0, firstStep).reduce((total, size) => total + size, 0);
    for (let step = firstStep + 1; step <= sizes.length; step++) {
      const most = sizes[step - 1]!;
      const order: StepOrder = { step, firstSequence, most, rateScale: 1, progress: 0 };
      await lead.order(order);
      const taken = await take(order);
      await lead.conclude(taken);
      const isWhole = step % settings.everySteps === 0;
      if (isWhole || step === sizes.length) await lead.bringTogether(isWhole);
      losses.push(taken.loss);
      firstSequence += most;
    }
    await leader.close();
  }
  const values: Record<string, Float32Array> = {};
  for (const name of names) values[name] = Float32Array.from(await backend.read(states.get(name)!));
  return { values, losses };
}

const sizes = [3, 6, 3, 6, 3, 3, 6];
const runRanks = (size: number, of: readonly number[], from?: { step: number; values: Values }) =>
  Promise.all(joinRanks(size).map(each => runRank(each, of, from)));

test("local steps and outer ones are those that NumPy computes, on every rank", async () => {
  const expected: Values = {
    weight: Float32Array.of(-0.33546351, 1.03025299),
    [outer]: Float32Array.of(0.766966275, -0.0171049444),
    velocity: Float32Array.of(-0.524616044, -0.056735),
  };
  const losses = [0, 0.8025, 0.8951375, -0.385771949, -0.468452694, -0.639641775, -0.266146516];
  const ranks = await runRanks(3, sizes);
  for (const { values } of ranks) {
    for (const name of names) {
      for (const [i, value] of expected[name]!.entries()) {
        assert.ok(Math.abs(values[name]![i]! - value) < 1e-6, `${name}: ${values[name]}, NumPy ${expected[name]}`);
      }
    }
  }
  ranks[0]!.losses.forEach((loss, i) => {
    assert.ok(Math.abs(loss - losses[i]!) < 1e-6, `step ${i + 1}: ${loss}, NumPy ${losses[i]}`);
  });
});

test("from where ranks came together they go on to the same bits", async () => {
  const [whole] = await runRanks(3, sizes);
  const [half] = await runRanks(3, sizes.slice(0, 6));
  const [resumed] = await runRanks(3, sizes, { step: 6, values: half!.values });
  assert.deepEqual(resumed!.values, whole!.values);
  assert.deepEqual(resumed!.losses, whole!.losses.slice(6));
});
