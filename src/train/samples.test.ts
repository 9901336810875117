// When a training shows what it says: an engine that computes nothing, on a clock that is told the time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { simulatedClock } from "../base/clock.ts";
import type { TrainingEvent } from "../events/event.ts";
import type { BatchSource } from "./batch-queue.ts";
import { parseBudget } from "./budget.ts";
import { pretrain } from "./pretrain.ts";
import type { Engine } from "./step/engine.ts";

const source: BatchSource = {
  ...{ datasetHash: "d", unigramEntropy: 5, validationBatches: 1 },
  training: () => ({}),
  validation: () => ({}),
};

test("samples stand behind every validation, and their time is the budget's but for the last", async () => {
  const clock = simulatedClock();
  const engine: Engine = {
    ...{ device: "fake", parameterCount: 1 },
    accumulate: async () => clock.advance(1),
    update: async () => ({ loss: 1, gradientNorm: 1 }),
    validate: async () => 1,
    ...{ readParameters: () => [], readMoments: () => [], restore: () => {}, clearMoments: () => {} },
  };
  const { train: own, ...rest } = crammedBert;
  const recipe = { ...rest, train: { ...own, budget: "20s", validations: 2, microBatchSequences: 8192 } };
  let asked = 0;
  const sample = async () => {
    clock.advance(2);
    return { fills: [{ text: `${asked++}`, masks: [] }], neighbours: [] };
  };
  const options = { engine, source, recipe, recipeHash: "", budget: parseBudget("20s"), clock };
  const signal = new AbortController().signal;
  const events: TrainingEvent[] = [];
  const all = { ...options, sample, run: undefined, resumeFrom: undefined, signal };
  for await (const event of pretrain(all)) events.push(event);
  const kinds = events.map(({ kind }) => kind).filter(kind => kind !== "step");
  const pair = ["validation", "samples"];
  assert.deepEqual(kinds, ["start", ...pair, ...pair, ...pair, "end"]);
  const samples = events.filter(event => event.kind === "samples");
  // The first was asked for before the budget began, so that it is compiled.
  assert.deepEqual(
    samples.map(({ fills }) => fills[0]!.text),
    ["1", "2", "3"],
  );
  // Two seconds before the first step, two behind the ninth, and none of the last.
  assert.deepEqual(
    samples.map(({ elapsedSeconds }) => elapsedSeconds),
    [2, 12, 20],
  );
  assert.deepEqual(
    samples.map(({ step }) => step),
    [0, 8, 16],
  );
});
