// One rank of `ranks`: a training on its share of the processors, driven by lines over a socket that the benchmark listens at. Between turns
// it waits there, not in MPI, whose waiting keeps a processor busy.

import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import type { Collective, NamedArray } from "../../src/collective/collective.ts";
import { openCollective } from "../../src/collective/open-collective.ts";
import { readRankPlace } from "../../src/collective/rank-place.ts";
import { drawBatch } from "../../src/machine/measure-step.ts";
import { createBatchEnd } from "../../src/optim/batch-end.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { concludeStep } from "../../src/train/ranks/rank-orders.ts";
import { createRankSums } from "../../src/train/ranks/rank-sums.ts";
import { openUpdateShares } from "../../src/train/ranks/update-shares.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { createStepTaker } from "../../src/train/step/micro-batches.ts";
import { measureSeconds } from "../rounds.ts";

export interface RankSetting {
  readonly recipe: Recipe;
  /** Of each rank. */
  readonly threads: number;
  /** Of a step, on all ranks together. */
  readonly microBatches: number;
  readonly isShared: boolean;
  /** Where the benchmark listens. */
  readonly socket: string;
}

export interface RankGreeting {
  readonly rank: number;
  readonly processId: number;
  readonly device: string;
  readonly engine: string;
}

/** Of one step. */
export interface RankStep {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly seconds: number;
  /** In the collective: what this rank waits for the others is in it. */
  readonly exchangeSeconds: number;
  /** Of the values that this rank gave to sums, gave to the others or was told. */
  readonly exchangedBytes: number;
}

const { recipe, threads, microBatches, isShared, socket } = JSON.parse(process.argv[2]!) as RankSetting;
const exchanged = { seconds: 0, bytes: 0 };
const collective = measureExchange(await openCollective(readRankPlace(), "", console.error));
const backend = await openCpu({ threads, precision: recipe.train.precision });
const definition = defineTraining(recipe, undefined, isShared ? collective : undefined);
const engine = await openEngine(backend, definition);
const size = recipe.train.microBatchSequences;
const batches = Array.from({ length: microBatches }, (_, i) =>
  drawBatch({ ...recipe, train: { ...recipe.train, seed: i } }),
);
const take = createStepTaker({
  engine,
  queue: { take: async first => batches[(first / size) % microBatches]!, readAhead: () => {} },
  microBatchSequences: size,
  seed: 0,
  batchEnd: createBatchEnd(undefined, undefined),
  sums: collective.size > 1 ? createRankSums(collective, backend, engine.states, { isInOrder: false }) : undefined,
  shares: definition.shared && openUpdateShares(collective, backend, engine.states, definition.shared),
});

let step = 0;
/** As rank 0 leads it: the others are told of the step, and what it measured is compared. */
async function takeStep(): Promise<RankStep> {
  Object.assign(exchanged, { seconds: 0, bytes: 0 });
  let measured = { loss: 0, gradientNorm: 0 };
  const seconds = await measureSeconds(async () => {
    await collective.broadcast(new Float64Array(6), 0);
    const order = { step: step + 1, firstSequence: step * microBatches * size, most: microBatches };
    measured = await take({ ...order, rateScale: 1, progress: 0 });
    await concludeStep(collective, measured, false);
  });
  step++;
  const { loss, gradientNorm } = measured;
  return { loss, gradientNorm, seconds, exchangeSeconds: exchanged.seconds, exchangedBytes: exchanged.bytes };
}

/** Counts what its sums and broadcasts move between ranks, and how long they take. */
function measureExchange(measured: Collective): Collective {
  if (measured.size === 1) return measured;
  const count = async (values: readonly (NamedArray["values"] | Uint8Array)[], work: () => Promise<void>) => {
    exchanged.seconds += await measureSeconds(work);
    for (const each of values) exchanged.bytes += "address" in each ? 4 * each.elements : each.byteLength;
  };
  return {
    ...measured,
    sum: arrays =>
      count(
        arrays.map(({ values }) => values),
        () => measured.sum(arrays),
      ),
    broadcast: (values, root) => count([values], () => measured.broadcast(values, root)),
  };
}

const benchmark = connect(socket);
const say = (words: RankGreeting | RankStep) => benchmark.write(`${JSON.stringify(words)}\n`);
await once(benchmark, "connect");
const { rank, engine: name } = collective;
say({ rank, processId: process.pid, device: backend.device, engine: name });
for await (const _ of createInterface({ input: benchmark })) say(await takeStep());
await collective.close();
await backend.close();
