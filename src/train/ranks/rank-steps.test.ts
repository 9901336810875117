// Steps of several ranks in one process, against what their micro-batches' gradients add up to by hand: with fewer micro-batches than
// ranks, with numbers that ranks do not divide, and added in order where the order changes the sum.

import assert from "node:assert/strict";
import { test } from "node:test";
import { joinRanks } from "../../../test/collective/joined-ranks.ts";
import { fetchValues } from "../../../test/fetch-tensors.ts";
import { openReference } from "../../backends/reference/reference.ts";
import type { UserError } from "../../base/errors.ts";
import type { Collective } from "../../collective/collective.ts";
import { input, multiply, subtract, sum } from "../../graph/operations.ts";
import { createBatchEnd } from "../../optim/batch-end.ts";
import { queueBatches } from "../batch-queue.ts";
import { openEngine, type StepResult } from "../step/engine.ts";
import { createStepTaker, type StepOrder } from "../step/micro-batches.ts";
import type { TrainingDefinition } from "../step/training-definition.ts";
import { followRanks, hearAnnouncement, RankLeader } from "./rank-orders.ts";
import { createRankSums } from "./rank-sums.ts";

/** The gradient is the factors; rank 0 alone begins with ones. */
const define = (rank: number): TrainingDefinition => ({
  parameters: new Map([["weight", [2]]]),
  moments: new Map(),
  loss: parameters => sum(multiply(parameters.get("weight")!, input("factors", [2], "f32")), [0]),
  update: (parameters, gradients) => {
    const [weight, gradient] = [parameters.get("weight")!, gradients.get("weight")!];
    return { updates: { weight: subtract(weight, gradient) }, gradientNorm: sum(gradient, [0]) };
  },
  scheduleInputs: () => ({}),
  initialise: () => Float32Array.of(rank === 0 ? 1 : 100, rank === 0 ? 1 : 100),
});

interface Steps {
  /** Micro-batches of each step. */
  readonly sizes: readonly number[];
  readonly factors: (microBatch: number) => readonly number[];
  readonly isInOrder?: boolean;
  /** The rank that is asked to end before the first step. */
  readonly asked?: number;
  /** The rank whose loss is a hundredth larger than what it measured. */
  readonly astray?: number;
}

async function runRank(collective: Collective, { sizes, factors, isInOrder = false, asked, astray }: Steps) {
  const { rank } = collective;
  const backend = openReference();
  const definition = define(rank);
  const engine = await openEngine(backend, definition);
  const source = { training: (first: number) => ({ factors: Float32Array.from(factors(first)) }) };
  const queue = queueBatches(
    { ...source, datasetHash: "", unigramEntropy: 0, validationBatches: 0, validation: () => ({}) },
    1,
  );
  const sums = createRankSums(collective, backend, engine.states, { isInOrder });
  const batchEnd = createBatchEnd(undefined, undefined);
  const take = createStepTaker({ engine, queue, microBatchSequences: 1, seed: 0, batchEnd, sums });
  const parts = { backend, states: engine.states, shared: new Set(["weight"]) };
  const results: StepResult[] = [];
  let isAsked = false;
  if (rank > 0) {
    assert.equal(await hearAnnouncement(collective), "a run");
    const stop = new AbortController();
    if (rank === asked) stop.abort();
    const takeAstray = async (order: StepOrder) => {
      const taken = await take(order);
      return { ...taken, loss: taken.loss * (rank === astray ? 1.01 : 1) };
    };
    await followRanks({ collective, ...parts, badStepsAllowed: 10 }, takeAstray, stop.signal);
  } else {
    const leader = new RankLeader<string>(collective);
    await leader.announce("a run");
    const lead = leader.lead(parts, sums);
    await lead.begin();
    let firstSequence = 0;
    for (const [i, most] of sizes.entries()) {
      const order: StepOrder = { step: i + 1, firstSequence, most, rateScale: 1, progress: 0 };
      await lead.order(order);
      const taken = await take(order);
      isAsked = await lead.conclude(taken);
      results.push(taken);
      firstSequence += most;
    }
    await leader.close();
  }
  const [[, weight]] = (await fetchValues(engine.readParameters())) as [[string, number[]]];
  return { weight, losses: results.map(({ loss }) => loss), isAsked };
}

const runRanks = (size: number, steps: Steps) => Promise.all(joinRanks(size).map(each => runRank(each, steps)));

test("a step of any number of ranks is the step of one, whatever they divide", async () => {
  const steps: Steps = { sizes: [1, 2, 4, 8], factors: i => [i + 1, 2] };
  for (const size of [1, 2, 3, 4]) {
    for (const isInOrder of [false, true]) {
      const ranks = await runRanks(size, { ...steps, isInOrder });
      // Means of 1; 2, 3; 4 … 7; 8 … 15, and losses with the weights before.
      for (const { weight } of ranks) assert.deepEqual(weight, [1 - 1 - 2.5 - 5.5 - 11.5, 1 - 4 * 2], `${size} ranks`);
      const losses = [1 + 2, 0 * 2.5 - 2, -2.5 * 5.5 - 3 * 2, -8 * 11.5 - 5 * 2];
      assert.deepEqual(ranks[0]!.losses, losses, `${size} ranks`);
    }
  }
});

test("added in order, micro-batches have one sum for any number of ranks", async () => {
  // In f32 2^25 + 1 - 2^25 is 0, and 2^25 - 2^25 + 1 is 1.
  const factors = [2 ** 25, 1, -(2 ** 25), 3, 1, 5, 7, 8];
  const steps: Steps = { sizes: [8], factors: i => [factors[i]!, 0], isInOrder: true };
  for (const size of [1, 2, 3, 4, 8]) {
    for (const { weight } of await runRanks(size, steps)) assert.equal(weight[0], 1 - 24 / 8, `${size} ranks`);
  }
});

test("what one rank is asked, rank 0 hears with the step", async () => {
  const steps: Steps = { sizes: [2], factors: () => [1, 1] };
  assert.equal((await runRanks(3, { ...steps, asked: 2 }))[0]!.isAsked, true);
  assert.equal((await runRanks(3, steps))[0]!.isAsked, false);
});

test("a rank that has another model ends the training on every rank", async () => {
  const ranks = joinRanks(3).map(each => runRank(each, { sizes: [2], factors: () => [1, 1], astray: 1 }));
  for (const ended of await Promise.allSettled(ranks)) {
    assert.equal(ended.status, "rejected");
    assert.match(String(ended.reason), /1 of 3 ranks have another model/);
  }
});

test("a rank whose local steps are never finite ends the training on every rank, when they are brought together", async () => {
  const local = { begin: async () => {}, bringTogether: async () => {} };
  const { signal } = new AbortController();
  /** Rounds of two steps that all were brought together, until the training ended. */
  const runRank = async (collective: Collective, loss: number, rounds: number) => {
    const parts = { backend: openReference(), states: new Map(), shared: new Set<string>(), local };
    let together = 0;
    const counting = { ...parts, local: { ...local, bringTogether: async () => void together++ } };
    try {
      if (collective.rank > 0) {
        await hearAnnouncement(collective);
        await followRanks({ collective, ...counting, badStepsAllowed: 3 }, async () => ({ loss }), signal);
      } else {
        const leader = new RankLeader<string>(collective);
        await leader.announce("a run");
        const lead = leader.lead(
          counting,
          createRankSums(collective, parts.backend, parts.states, { isInOrder: false, isLocal: true }),
        );
        await lead.begin();
        for (let step = 1; step <= 2 * rounds; step++) {
          await lead.order({ step, firstSequence: 0, most: 1, rateScale: 1, progress: 0 });
          await lead.conclude({ loss });
          if (step % 2 === 0) await lead.bringTogether(true);
        }
        await leader.close();
      }
      return `${together}`;
    } catch (error) {
      return `${together}, ${(error as UserError).code}: ${(error as Error).message}`;
    }
  };
  const run = (losses: readonly number[], rounds: number) =>
    Promise.all(joinRanks(3).map((each, i) => runRank(each, losses[i]!, rounds)));
  assert.deepEqual(await run([1, 1, 1], 3), ["3", "3", "3"]);
  assert.deepEqual(await run([1, Number.NaN, 1], 1), ["1", "1", "1"]);
  const said = "2, E_DIVERGED: of 3 ranks 1 had too many local steps in a row that were not finite";
  assert.deepEqual(await run([1, Number.NaN, 1], 3), [said, said, said]);
});

test("where every rank has as many micro-batches, the last is exchanged beside its backward pass, and else behind", async () => {
  const runRank = async (joined: Collective) => {
    const backend = openReference();
    const engine = await openEngine(backend, define(joined.rank));
    const collective = { ...joined, sumBeside: () => {} };
    const sums = createRankSums(collective, backend, engine.states, { isInOrder: false });
    const { exchange } = sums;
    assert.deepEqual(exchange!.names, new Set(["gradient.weight", "lossSum"]));
    assert.deepEqual(await exchange!.agreeOn([[`of ${joined.rank}`]]), [["of 0"]]);
    assert.equal(await exchange!.isSoOnAll(joined.rank === 1), false);
    assert.equal(await exchange!.isSoOnAll(true), true);
    let log: string[] = [];
    const take = createStepTaker({
      engine: {
        ...engine,
        accumulate: async (_, isFirst, given) => {
          log.push(`${isFirst ? "set" : "add"}${given === exchange ? " beside" : ""}`);
        },
      },
      queue: { take: async () => ({}), readAhead: () => {} },
      ...{ microBatchSequences: 1, seed: 0, batchEnd: createBatchEnd(undefined, undefined) },
      sums: { ...sums, finish: async part => void log.push(`sum ${part}`) },
    });
    const steps: string[][] = [];
    for (const most of [2, 3, 4, 1]) {
      log = [];
      await take({ step: 1, firstSequence: 0, most, rateScale: 1, progress: 0 });
      steps.push(log);
    }
    return steps;
  };
  const [first, second] = await Promise.all(joinRanks(2).map(runRank));
  const behind = "sum gradient";
  assert.deepEqual(first, [["set beside"], ["set", "add", behind], ["set", "add beside"], ["set", behind]]);
  assert.deepEqual(second, [["set beside"], ["set", behind], ["set", "add beside"], [behind]]);
});
