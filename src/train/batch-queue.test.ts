import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { simulatedClock } from "../base/clock.ts";
import type { BatchSource } from "./batch-queue.ts";
import { pretrain } from "./pretrain.ts";
import { overrideRecipe } from "./recipe.ts";
import type { Engine } from "./step/engine.ts";

const plain = { datasetHash: "d", unigramEntropy: 5, validationBatches: 1, validation: () => ({}) };

/** The order in which batches are read and updates asked for and done, in a training of 5 steps of one sequence each. */
async function traceReading(source: Partial<BatchSource> = {}): Promise<string[]> {
  const trace: string[] = [];
  const engine: Engine = {
    device: "fake",
    parameterCount: 1,
    accumulate: async () => {},
    validate: async () => 1,
    readParameters: () => [],
    readMoments: () => [],
    restore: () => {},
    clearMoments: () => {},
    update: async ({ step, rateScale }) => {
      if (rateScale > 0) trace.push(`ask ${step}`);
      await new Promise(setImmediate);
      if (rateScale > 0) trace.push(`done ${step}`);
      return { loss: 1, gradientNorm: 1 };
    },
  };
  const training: BatchSource["training"] = async (first, sequences, progress) => {
    if (trace.length > 0) trace.push(`read ${first} at ${progress}`);
    return source.training?.(first, sequences, progress) ?? {};
  };
  const sizes = ["schedule.batchSequences=1", "train.microBatchSequences=1", "schedule.batchRamp=0"];
  const recipe = overrideRecipe(crammedBert, sizes);
  const budget = { kind: "steps", steps: 5 } as const;
  const options = {
    engine,
    recipe,
    recipeHash: "",
    budget,
    clock: simulatedClock(),
    run: undefined,
    resumeFrom: undefined,
  };
  const signal = new AbortController().signal;
  for await (const _ of pretrain({ ...options, source: { ...plain, ...source, training }, signal }));
  return trace;
}

test("the next batch is read while the device works", async () => {
  assert.deepEqual((await traceReading()).slice(0, 6), [
    ...["ask 1", "read 1 at 0", "done 1"],
    ...["ask 2", "read 2 at 0.2", "done 2"],
  ]);
});

test("a batch that was read ahead is read again where progress has changed it", async () => {
  const isSame = (progress: number, other: number) => progress < 0.5 === other < 0.5;
  const reads = (await traceReading({ isSame })).filter(line => line.startsWith("read"));
  const once = ["read 1 at 0", "read 2 at 0.2"];
  assert.deepEqual(reads, [...once, "read 3 at 0.4", "read 3 at 0.6", "read 4 at 0.6", "read 5 at 0.8"]);
});

test("an error in a batch that was read ahead is told where the batch is needed, and not where none is", async () => {
  const refuseFrom = (limit: number): BatchSource["training"] => {
    return first => {
      if (first >= limit) throw new Error(`no sequence ${first}`);
      return {};
    };
  };
  await assert.rejects(traceReading({ training: refuseFrom(3) }), /no sequence 3/);
  assert.equal((await traceReading({ training: refuseFrom(5) })).at(-1), "done 5");
});
