import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { type Forecast, forecastRun } from "./forecast.ts";

const device = {
  title: "a device",
  speedSource: "given",
  memoryBytes: 100e9,
  peakFlops: 1e14,
  watts: 200,
  leastTokens: 4096,
};
const memory = { parameters: 0, gradients: 0, moments: 0, arena: 0, inputsAndOutputs: 0, total: 10e9 };
const fitting = ["train.microBatchSequences=64", "schedule.batchSequences=256", "train.budget=1h"];

/** A micro-batch of 64 sequences in 0.1 s, the update for nothing. */
function forecast(assignments: readonly string[], trainingSequences?: number, memoryBytes = 100e9): Forecast {
  const recipe = overrideRecipe(crammedBert, [...fitting, ...assignments]);
  const microBatchSeconds = (0.1 * recipe.train.microBatchSequences) / 64;
  const cost = { microBatchSeconds, updateSeconds: 0, validationSeconds: 0 };
  return forecastRun({ recipe, device: { ...device, memoryBytes }, cost, memory, trainingSequences });
}

test("a run that fits has no warning, and its figures follow from its speed", () => {
  const { warnings, course, epochs, energyJoules, utilisation, flopsPerToken } = forecast([], 1e7);
  assert.deepEqual(warnings, []);
  // 640 sequences a second for an hour.
  assert.equal(course.sequences, 640 * 3600);
  assert.equal(course.tokens, 640 * 3600 * 128);
  assert.ok(Math.abs(epochs! - 0.2304) < 1e-9);
  assert.equal(energyJoules, 200 * 3600);
  assert.ok(Math.abs(utilisation! - (640 * 128 * flopsPerToken) / 1e14) < 1e-12);
});

const warned: readonly [name: string, seen: Forecast, pattern: RegExp][] = [
  ["data that repeats", forecast([], 1e6), /read 2\.3 times/],
  ["memory that does not fit", forecast([], undefined, 8e9), /10\.0 GB are needed and 8\.0 GB/],
  [
    "a batch that the budget cannot step through",
    forecast(["schedule.batchSequences=16384", "schedule.batchRamp=0"]),
    /only 141 steps fit into the budget; schedule\.batchSequences=2304 gives about 1,000/,
  ],
  [
    "a budget for a few micro-batches",
    forecast(["train.budget=3s", "schedule.batchSequences=64"]),
    /give it more time/,
  ],
  ["a ramp to a batch of one micro-batch", forecast(["schedule.batchSequences=64"]), /the batch cannot grow/],
  [
    "a ramp with more stages than steps",
    forecast(["train.budget=3steps", "schedule.batchSequences=1024"]),
    /ramp is impossible/,
  ],
  [
    "a batch that gradients decide",
    forecast(["schedule.batchRule.name=norm", "schedule.batchSequences=640", "schedule.batchRamp=0"], 1e7),
    /3,600 steps and 2,304,000 sequences are with the largest; with the smallest, of 128 sequences, 18,000 steps and 2,304,000/,
  ],
  [
    "a batch in fractions of a micro-batch",
    forecast(["schedule.batchSequences=200"]),
    /256 sequences are read instead/,
  ],
  [
    "a micro-batch that leaves the device idle",
    forecast(["train.microBatchSequences=8"]),
    /1,024 tokens does not fill this device.*train\.microBatchSequences=32/,
  ],
];

test("what will not work is said", async t => {
  for (const [name, { warnings }, pattern] of warned) {
    await t.test(name, () => assert.match(warnings.join("\n"), pattern));
  }
});
