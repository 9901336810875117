// Lazy updates of a whole training: without weight decay, which rows that are not read would feel, a first step moves what a step of all rows
// does, to the bit, whatever micro-batches and ranks it is made of; where each step reads all rows, so does every step; and rows that a step
// does not read stay as they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import { joinRanks } from "../../../test/collective/joined-ranks.ts";
import { fetchValues } from "../../../test/fetch-tensors.ts";
import type { Backend, HostInputs } from "../../backends/backend.ts";
import { openCpu } from "../../backends/cpu/cpu.ts";
import { openReference } from "../../backends/reference/reference.ts";
import type { Collective } from "../../collective/collective.ts";
import { drawBatch } from "../../machine/measure-step.ts";
import { createBatchEnd } from "../../optim/batch-end.ts";
import { queueBatches } from "../batch-queue.ts";
import { defineTraining } from "../definition.ts";
import { concludeStep } from "../ranks/rank-orders.ts";
import { createRankSums } from "../ranks/rank-sums.ts";
import { overrideRecipe, type Recipe } from "../recipe.ts";
import { openEngine } from "./engine.ts";
import { createStepTaker } from "./micro-batches.ts";

const recipeWith = (...more: readonly string[]) =>
  overrideRecipe(quickstart, [
    ...["width=16", "layers=1", "heads=2", "feedForward=16", "vocabulary=300", "sequenceLength=12"].map(
      size => `model.${size}`,
    ),
    ...["train.microBatchSequences=2", "train.precision=f32", "schedule.batchSequences=6"],
    ...["objective.name=masked", "objective.candidates=12", "optimizer.name=adamw", "optimizer.weightDecay=0", ...more],
  ]);

/** The micro-batch that begins with this sequence. */
const readBatch = (recipe: Recipe, first: number): HostInputs =>
  drawBatch({ ...recipe, train: { ...recipe.train, seed: first } });

/** The rows that a micro-batch reads. */
function listRead(recipe: Recipe, first: number): readonly number[] {
  const { tokens, candidates } = readBatch(recipe, first) as Record<string, Int32Array>;
  return [...tokens!, ...candidates!];
}

/** Takes a step of each of these numbers of micro-batches; what each measured, and all values after them. */
async function takeSteps(
  recipe: Recipe,
  backend: Backend,
  sizes: readonly number[],
  {
    collective,
    isInOrder = true,
    read = readBatch,
  }: { readonly collective?: Collective; readonly isInOrder?: boolean; readonly read?: typeof readBatch } = {},
) {
  const definition = defineTraining(recipe);
  const engine = await openEngine(backend, definition);
  const training = (first: number) => read(recipe, first);
  const source = { datasetHash: "", unigramEntropy: 0, validationBatches: 0, validation: () => ({}), training };
  const take = createStepTaker({
    ...{ engine, microBatchSequences: 2, seed: 0, queue: queueBatches(source, 2) },
    batchEnd: createBatchEnd(undefined, undefined),
    sums: collective && createRankSums(collective, backend, engine.states, { isInOrder }),
  });
  const measured = [];
  let firstSequence = 0;
  for (const [i, most] of sizes.entries()) {
    const taken = await take({ step: i + 1, firstSequence, most, rateScale: 1, progress: 0 });
    if (collective !== undefined) await concludeStep(collective, taken, false);
    const { rowsHash: _, ...step } = taken;
    measured.push(step);
    firstSequence += 2 * most;
  }
  return { measured, values: await fetchValues([...engine.readParameters(), ...engine.readMoments()]) };
}

const lazy = "optimizer.lazyEmbedding=true";

test("the first step of any micro-batches is that of all rows, to the bit: nothing has moved yet that would go on", async () => {
  for (const more of [[], ["optimizer.clip=0.01"], ["optimizer.name=muon"], ["model.decoder.tied=false"]]) {
    for (const most of [1, 3]) {
      const whole = await takeSteps(recipeWith(...more), openReference(), [most]);
      assert.deepEqual(await takeSteps(recipeWith(...more, lazy), openReference(), [most]), whole, `${more} ${most}`);
    }
  }
  const backend = await openCpu({ threads: 2, precision: "f32" });
  try {
    const whole = await takeSteps(recipeWith(), backend, [3]);
    const { measured, values } = await takeSteps(recipeWith(lazy), backend, [3]);
    assert.equal(measured[0]!.loss, whole.measured[0]!.loss);
    // Its norm is added up of fewer rows.
    assert.ok(Math.abs(measured[0]!.gradientNorm / whole.measured[0]!.gradientNorm - 1) < 1e-6);
    for (const [n, [name, numbers]] of values.entries())
      for (const [i, value] of numbers.entries())
        assert.ok(Math.abs(value - whole.values[n]![1][i]!) < 1e-6, `${name} ${i}`);
  } finally {
    await backend.close();
  }
});

test("where every step reads every row, every step is that of all rows, with decay", async () => {
  const all = ["model.vocabulary=20", "objective.candidates=20", "optimizer.weightDecay=0.1"];
  const whole = await takeSteps(recipeWith(...all), openReference(), [1, 3, 2]);
  assert.deepEqual(await takeSteps(recipeWith(...all, lazy), openReference(), [1, 3, 2]), whole);
});

test("rows that a step does not read stay as they are, and so do their moments", async () => {
  const recipe = recipeWith(lazy, "optimizer.weightDecay=0.1");
  const [before, after] = [
    await takeSteps(recipe, openReference(), [2]),
    await takeSteps(recipe, openReference(), [2, 1]),
  ];
  const isRead = new Set(listRead(recipe, 4));
  assert.ok(isRead.size < 40);
  for (const name of ["embedding.word", "first.embedding.word", "second.embedding.word"]) {
    const [old, now] = [before, after].map(({ values }) => values.find(([key]) => key === name)![1]);
    for (let row = 0; row < 300; row++) {
      const [was, is] = [old!, now!].map(numbers => [...numbers.slice(16 * row, 16 * row + 16)]);
      assert.equal(JSON.stringify(was) !== JSON.stringify(is), isRead.has(row), `row ${row} of ${name}`);
    }
  }
});

test("ranks that share micro-batches take the steps of one", async () => {
  const recipe = recipeWith(lazy);
  const one = await takeSteps(recipe, openReference(), [1, 3, 2]);
  for (const isInOrder of [true, false]) {
    const ranks = await Promise.all(
      joinRanks(2).map(collective => takeSteps(recipe, openReference(), [1, 3, 2], { collective, isInOrder })),
    );
    for (const rank of ranks) {
      for (const [n, [name, numbers]] of rank.values.entries())
        for (const [i, value] of numbers.entries())
          assert.ok(Math.abs(value - one.values[n]![1][i]!) < 1e-5, `${name} ${i}: ${value} ${one.values[n]![1][i]}`);
    }
  }
});

test("a rank that would move other rows ends the training on every rank, although loss and norm are those of all", async () => {
  const recipe = recipeWith(lazy);
  const isRead = new Set([0, 2].flatMap(first => listRead(recipe, first)));
  const other = Array.from({ length: 300 }, (_, row) => row).find(row => !isRead.has(row))!;
  /** Another row in the micro-batch of rank 0, as rank 1 foresees it. */
  const read = (of: Recipe, first: number): HostInputs => {
    const batch = readBatch(of, first);
    return first === 0 ? { ...batch, tokens: (batch.tokens as Int32Array).with(0, other) } : batch;
  };
  const ranks = joinRanks(2).map(collective =>
    takeSteps(recipe, openReference(), [2], { collective, ...(collective.rank === 1 && { read }) }),
  );
  for (const ended of await Promise.allSettled(ranks)) {
    assert.equal(ended.status, "rejected");
    assert.match(String(ended.reason), /1 of 2 ranks have another model/);
  }
});

test("a step that is not finite moves no row", async () => {
  const recipe = recipeWith(lazy, "optimizer.weightDecay=0.1");
  const backend = openReference();
  const engine = await openEngine(backend, defineTraining(recipe));
  const read = async () => fetchValues([...engine.readParameters(), ...engine.readMoments()]);
  const [norm, buffer] = [...engine.states].find(([name]) => name.includes("norm"))!;
  backend.write(buffer, new Float32Array(16).fill(Number.NaN));
  const before = await read();
  await engine.accumulate(readBatch(recipe, 0), true);
  const { loss } = await engine.update({ step: 1, rateScale: 1 }, 1);
  assert.ok(Number.isNaN(loss), norm);
  assert.deepEqual(await read(), before);
});

test("a micro-batch that reads rows which nobody foresaw is refused", async () => {
  const recipe = recipeWith(lazy);
  const engine = await openEngine(openReference(), defineTraining(recipe));
  await engine.accumulate(readBatch(recipe, 0), true);
  await assert.rejects(engine.accumulate(readBatch(recipe, 2), false), /did not foresee/);
});

test("what cannot be updated lazily is refused by name", () => {
  for (const [changes, said] of [
    [["objective.candidates=null", "objective.name=mixed", "train.microBatchSequences=8"], /objective\.name is mixed/],
    [["objective.candidates=null"], /a head of the whole vocabulary, .* touches every row/],
    [["optimizer.momentBlock=64", "model.vocabulary=4096"], /lazyEmbedding .* momentBlock/],
    [["optimizer.sharpness=0.1"], /lazyEmbedding .* sharpness/],
    [["optimizer.cautious=true"], /lazyEmbedding .* cautious/],
    [["optimizer.name=lamb"], /the step of lamb/],
    [["schedule.batchRule.name=norm"], /lazyEmbedding .* schedule\.batchRule/],
    [["train.sync.everySteps=4"], /lazyEmbedding .* train\.sync/],
  ] as const) {
    assert.throws(() => recipeWith(lazy, ...changes), said, String(changes));
  }
});
