// The process that resume.test.ts kills: trains a small stateful model under a step budget into the folder it is given, from its
// newest checkpoint if there is one. With a number of steps it goes no further than these, and waits to be killed.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { systemClock } from "../../src/base/clock.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { listCheckpoints, loadCheckpoint } from "../../src/checkpoint/state.ts";
import { EventLog } from "../../src/events/event-log.ts";
import {
  add,
  gather,
  input,
  matmul,
  mean,
  multiply,
  negate,
  reshape,
  sqrt,
  state,
  subtract,
  sum,
  tanh,
} from "../../src/graph/operations.ts";
import type { BatchSource } from "../../src/train/batch-queue.ts";
import { parseBudget } from "../../src/train/budget.ts";
import { pretrain } from "../../src/train/pretrain.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import type { TrainingDefinition } from "../../src/train/step/training-definition.ts";

const width = 32;
const shapes = new Map([
  ["table", [50, width]],
  ["hidden", [width, width]],
] as const);
const definition: TrainingDefinition = {
  parameters: shapes,
  moments: new Map([...shapes].map(([name, shape]) => [`momentum.${name}`, { shape, dtype: "f32" as const }])),
  loss: parameters => {
    const rows = gather(parameters.get("table")!, input("rows", [64], "i32"));
    const error = subtract(tanh(matmul(rows, parameters.get("hidden")!)), input("target", [64, width], "f32"));
    return mean(multiply(error, error), [0, 1]);
  },
  update: (parameters, gradients) => {
    const updates = [...parameters].flatMap(([name, value]) => {
      const momentum = add(multiply(state(`momentum.${name}`, value.shape), 0.9), gradients.get(name)!);
      return [
        [name, add(value, negate(multiply(momentum, input("rate", [1], "f32"))))],
        [`momentum.${name}`, momentum],
      ] as const;
    });
    const squares = [...gradients.values()].map(gradient => reshape(sum(multiply(gradient, gradient), [0, 1]), [1]));
    return { updates: Object.fromEntries(updates), gradientNorm: sqrt(squares.reduce((a, b) => add(a, b))) };
  },
  scheduleInputs: ({ rateScale }) => ({ rate: Float32Array.of(rateScale) }),
  initialise: name => drawNormals(name === "table" ? 50 * width : width * width, streams.initialisation, name.length),
};

function drawNormals(length: number, stream: 1 | 3, index: number): Float32Array {
  const random = new RandomSequence(3, stream, index);
  return Float32Array.from({ length }, () => random.normalPair()[0] * 0.3);
}

function drawBatch(position: number) {
  const random = new RandomSequence(3, streams.sequenceOrder, position);
  return {
    rows: Int32Array.from({ length: 64 }, () => random.below(50)),
    target: drawNormals(64 * width, streams.masking, position),
  };
}

const source: BatchSource = {
  datasetHash: "toy",
  unigramEntropy: 0,
  validationBatches: 1,
  training: drawBatch,
  validation: () => drawBatch(1e9),
};

const recipe: Recipe = {
  ...crammedBert,
  schedule: { learningRate: "budget-triangle2", batchSequences: 4, batchRamp: 0.5 },
  train: { ...crammedBert.train, budget: "600steps", microBatchSequences: 1, checkpointEverySeconds: 0.005 },
};

const run = process.argv[2]!;
const mostSteps = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);
const backend = await openCpu({ threads: 2 });
const resumeFrom =
  existsSync(run) && listCheckpoints(run).length > 0
    ? loadCheckpoint(run, { parameters: definition.parameters, moments: definition.moments })
    : undefined;
const log = new EventLog(join(run, "events.jsonl"), resumeFrom?.counters.step);
const engine = await openEngine(backend, definition);
const signal = new AbortController().signal;
const budget = parseBudget(recipe.train.budget);
const options = { engine, source, recipe, recipeHash: "", budget, clock: systemClock, run, resumeFrom, signal };
let steps = 0;
for await (const event of pretrain(options)) {
  log.append(event);
  if (event.kind !== "step") continue;
  process.stdout.write("s");
  if (++steps === mostSteps) await new Promise(() => setInterval(() => {}, 1000));
}
log.close();
await backend.close();
