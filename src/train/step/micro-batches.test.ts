// A step whose last micro-batch and update are asked for at once is the step that it was; what stands between the two keeps them apart.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { joinRanks } from "../../../test/collective/joined-ranks.ts";
import { fetchValues } from "../../../test/fetch-tensors.ts";
import type { HostInputs } from "../../backends/backend.ts";
import { openCpu } from "../../backends/cpu/cpu.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { drawBatch } from "../../machine/measure-step.ts";
import { createBatchEnd } from "../../optim/batch-end.ts";
import { queueBatches } from "../batch-queue.ts";
import { defineTraining } from "../definition.ts";
import { createRankSums } from "../ranks/rank-sums.ts";
import { overrideRecipe, type Recipe } from "../recipe.ts";
import { openEngine } from "./engine.ts";
import { createStepTaker } from "./micro-batches.ts";

const tiny = (...more: string[]) =>
  overrideRecipe(quickstart, [
    ...["width=16", "layers=1", "heads=2", "feedForward=16", "vocabulary=64", "sequenceLength=12"].map(
      size => `model.${size}`,
    ),
    ...["train.microBatchSequences=2", "schedule.batchSequences=6", ...more],
  ]);

/** Micro-batches of two sequences. */
function prepare(recipe: Recipe) {
  const batches = Array.from({ length: 12 }, () => drawBatch(recipe));
  const training = (first: number) => batches[first / 2]!;
  return queueBatches(
    { datasetHash: "", unigramEntropy: 0, validationBatches: 0, validation: () => ({}), training },
    2,
  );
}

/** Steps of three micro-batches and of one; what is asked of the engine, what each step measured, and all values after them. */
async function takeSteps(recipe: Recipe, finishes: boolean) {
  const backend = await openCpu({ threads: 2, precision: "f32" });
  const engine = await openEngine(backend, defineTraining(recipe));
  const asked: string[] = [];
  const { finish: _, ...apart } = engine;
  const watched = {
    ...apart,
    accumulate: (...given: Parameters<typeof engine.accumulate>) => {
      asked.push("accumulate");
      return engine.accumulate(...given);
    },
    update: (...given: Parameters<typeof engine.update>) => {
      asked.push("update");
      return engine.update(...given);
    },
    ...(finishes && {
      finish: (...given: Parameters<NonNullable<typeof engine.finish>>) => {
        asked.push("finish");
        return engine.finish!(...given);
      },
    }),
  };
  const batchEnd = createBatchEnd(undefined, undefined);
  const queue = prepare(recipe);
  const take = createStepTaker({ engine: watched, queue, microBatchSequences: 2, seed: 0, batchEnd });
  const measured = [];
  let firstSequence = 0;
  for (const [i, most] of [3, 1, 1, 3].entries()) {
    const taken = await take({ step: i + 1, firstSequence, most, rateScale: 1 - i / 8, progress: i / 4 });
    firstSequence += 2 * taken.microBatches;
    measured.push(taken);
  }
  const values = await fetchValues([...engine.readParameters(), ...engine.readMoments()]);
  await backend.close();
  return { asked, measured, values };
}

test("the last micro-batch and the update at once leave the same bits as one after the other", async () => {
  // A second gradient stands between the two of due steps, which are the odd ones.
  const recipe = tiny("optimizer.name=sophia", "optimizer.interval=2");
  const [apart, together] = [await takeSteps(recipe, false), await takeSteps(recipe, true)];
  assert.deepEqual([together.measured, together.values], [apart.measured, apart.values]);
  assert.equal(new Set(together.measured.map(({ loss }) => loss)).size, 4);
  const [two, both] = [
    ["accumulate", "accumulate"],
    ["accumulate", "update"],
  ];
  assert.deepEqual(together.asked, [...two, ...both, "finish", ...both, ...two, "finish"]);
});

test("the sums of ranks stand between a micro-batch and its update", async () => {
  const recipe = tiny("optimizer.name=adamw");
  const reference = openReference();
  const engine = await openEngine(reference, defineTraining(recipe));
  const [rank] = joinRanks(1);
  const sums = createRankSums(rank!, reference, engine.states, { isInOrder: false, isLocal: false });
  let asked = 0;
  const finish = () => {
    asked++;
    return Promise.reject(new Error("not to be asked"));
  };
  const batchEnd = createBatchEnd(undefined, undefined);
  const take = createStepTaker({
    engine: { ...engine, finish },
    queue: prepare(recipe),
    microBatchSequences: 2,
    seed: 0,
    batchEnd,
    sums,
  });
  await take({ step: 1, firstSequence: 0, most: 1, rateScale: 1, progress: 0 });
  assert.equal(asked, 0);
});

test("where a step must know before its first micro-batch what it reads, that was read beside the step before", async () => {
  /** What is read, and between what, by one rank of so many. */
  const trace = async (rank: number, ranks: number, sizes: readonly number[]) => {
    const lines: string[] = [];
    const work = async (name: string) => {
      lines.push(`ask ${name}`);
      await new Promise(setImmediate);
      lines.push(`did ${name}`);
    };
    const training = (first: number) => {
      lines.push(`read ${first / 2}`);
      return { first: Int32Array.of(first) };
    };
    const engine = {
      ...(await openEngine(openReference(), defineTraining(tiny("optimizer.name=adamw")))),
      foresee: (batches: readonly HostInputs[]) => lines.push(`foresee ${batches.map(seqOf).join(" ")}`),
      accumulate: (batch: HostInputs) => work(seqOf(batch)),
      update: async () => {
        await work("update");
        return { loss: 1, gradientNorm: 1 };
      },
    };
    const { finish: _, ...apart } = engine;
    const sums = {
      rank,
      size: ranks,
      isInOrder: false,
      isLocal: false,
      clear: () => {},
      addRound: nothing,
      finish: nothing,
    };
    const source = { datasetHash: "", unigramEntropy: 0, validationBatches: 0, validation: () => ({}), training };
    const take = createStepTaker({
      ...{ engine: apart, queue: queueBatches(source, 2), microBatchSequences: 2, seed: 0 },
      ...{ batchEnd: createBatchEnd(undefined, undefined), sums: ranks > 1 ? sums : undefined },
    });
    let first = 0;
    for (const [i, most] of sizes.entries()) {
      await take({ step: i + 1, firstSequence: 2 * first, most, rateScale: 1, progress: 0 });
      first += most;
    }
    return lines;
  };
  const update = ["ask update", "did update"];
  assert.deepEqual(await trace(0, 1, [2, 3, 1]), [
    ...["read 0", "read 1", "foresee 0 1", "ask 0", "read 2", "did 0", "ask 1", "read 3", "did 1", ...update],
    // The step grew by one.
    ...["read 4", "foresee 2 3 4", "ask 2", "read 5", "did 2", "ask 3", "read 6", "did 3", "ask 4", "read 7", "did 4"],
    ...[...update, "foresee 5", "ask 5", "did 5", ...update],
  ]);
  assert.deepEqual(await trace(1, 2, [3, 3]), [
    ...["read 0", "read 1", "read 2", "foresee 0 1 2", "ask 1", "read 3", "read 4", "did 1", ...update],
    ...["read 5", "foresee 3 4 5", "ask 4", "read 6", "read 7", "did 4", ...update],
  ]);
});

const nothing = async () => {};
const seqOf = (batch: HostInputs) => `${(batch.first as Int32Array)[0]! / 2}`;
