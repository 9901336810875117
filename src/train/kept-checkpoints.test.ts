// Which checkpoints stay: an engine whose losses are told, on a clock that is told the time.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { simulatedClock } from "../base/clock.ts";
import { listCheckpoints, readCounters } from "../checkpoint/state.ts";
import type { TrainingEvent } from "../events/event.ts";
import { parseBudget } from "./budget.ts";
import { pretrain } from "./pretrain.ts";
import type { Recipe } from "./recipe.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-kept-"));
after(() => rmSync(folder, { recursive: true }));

/** Ten steps of a second each, validated after every second one; the first of the losses is that of the warm-up, the second of step 0. */
async function train(run: string, own: Partial<Recipe["train"]>, losses: readonly number[]): Promise<TrainingEvent[]> {
  const clock = simulatedClock();
  let validated = 0;
  const recipe: Recipe = {
    ...crammedBert,
    train: { ...crammedBert.train, budget: "10steps", validations: 5, microBatchSequences: 8192, ...own },
  };
  const events: TrainingEvent[] = [];
  for await (const event of pretrain({
    engine: {
      ...{ device: "fake", parameterCount: 1, clearMoments: () => {}, restore: () => {} },
      accumulate: async () => clock.advance(1),
      update: async () => ({ loss: 1, gradientNorm: 1 }),
      validate: async () => losses[validated++]!,
      ...{ readParameters: () => [], readMoments: () => [] },
    },
    source: {
      ...{ datasetHash: "d", unigramEntropy: 5, validationBatches: 1 },
      training: () => ({}),
      validation: () => ({}),
    },
    ...{ recipe, recipeHash: "", budget: parseBudget("10steps"), clock, run, resumeFrom: undefined },
    signal: new AbortController().signal,
  }))
    events.push(event);
  return events;
}

test("the best checkpoint stays, beside the newest two", async () => {
  const run = join(folder, "best");
  const losses = [9, 9, 7, 5, 6, 8, 8];
  const events = await train(run, { keepBest: true, checkpointEverySeconds: 2.5 }, losses);
  const best = events.flatMap(event => (event.kind === "checkpoint" && event.isBest === true ? event.step : []));
  // Lowest of steps 2, 4, 6, 8, 10 so far: 7 and 5.
  assert.deepEqual(best, [2, 4]);
  assert.deepEqual(listCheckpoints(run).slice(0, 1), [4]);
  assert.equal(listCheckpoints(run).length, 3);
  assert.deepEqual([readCounters(run).lowestLoss, readCounters(run).keeps], [5, undefined]);
});

test("a run that ends at its lowest has no other best", async () => {
  const run = join(folder, "last");
  await train(run, { keepBest: true, checkpointEverySeconds: 100 }, [9, 9, 8, 7, 6, 5, 4]);
  assert.deepEqual(listCheckpoints(run), [8, 10]);
  assert.deepEqual(readCounters(run).keeps, ["best"]);
});

test("one an interval of the budget stays; without either the newest two alone", async () => {
  const losses = [9, 9, 9, 9, 9, 9, 9];
  await train(join(folder, "interval"), { keepEverySeconds: 4, checkpointEverySeconds: 0.5 }, losses);
  // A checkpoint a step: the first at four seconds, the first at eight, and the newest two.
  assert.deepEqual(listCheckpoints(join(folder, "interval")), [4, 8, 9, 10]);
  await train(join(folder, "plain"), { checkpointEverySeconds: 0.5 }, losses);
  assert.deepEqual(listCheckpoints(join(folder, "plain")), [9, 10]);
});
