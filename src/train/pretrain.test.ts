import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { fetchValues } from "../../test/fetch-tensors.ts";
import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { openReference } from "../backends/reference/reference.ts";
import { simulatedClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import { RandomSequence, streams } from "../base/random.ts";
import { loadCheckpoint } from "../checkpoint/state.ts";
import type { TrainingEvent } from "../events/event.ts";
import { EventLog } from "../events/event-log.ts";
import { readEvents } from "../events/event-reader.ts";
import {
  add,
  gather,
  input,
  mean,
  multiply,
  negate,
  reshape,
  sqrt,
  state as stateOf,
  subtract,
  sum,
} from "../graph/operations.ts";
import { makeTables } from "../model/inputs.ts";
import type { WeightAverageSettings } from "../optim/averages.ts";
import type { BatchRuleSettings } from "../optim/batch-rules.ts";
import { batchSizeAt, rateAt } from "../optim/schedule.ts";
import type { BatchSource } from "./batch-queue.ts";
import { parseBudget } from "./budget.ts";
import { averageTraining, defineTraining } from "./definition.ts";
import { pretrain } from "./pretrain.ts";
import { overrideRecipe, type Recipe } from "./recipe.ts";
import { type Engine, openEngine } from "./step/engine.ts";
import type { TrainingDefinition } from "./step/training-definition.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-train-"));
after(() => rmSync(folder, { recursive: true }));

const constantSource: BatchSource = {
  datasetHash: "d",
  unigramEntropy: 5,
  validationBatches: 1,
  training: firstSequence => ({
    rows: Int32Array.of(firstSequence % 5, 2),
    target: Float32Array.of(firstSequence % 3),
  }),
  validation: () => ({ rows: Int32Array.of(1, 2), target: Float32Array.of(1) }),
};

async function collect(events: AsyncIterable<TrainingEvent>): Promise<TrainingEvent[]> {
  const all: TrainingEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const fakeEngine: Engine = {
  device: "fake",
  parameterCount: 1,
  accumulate: async () => {},
  update: async () => ({ loss: 1, gradientNorm: 1 }),
  validate: async () => 1,
  readParameters: () => [],
  readMoments: () => [],
  restore: () => {},
  clearMoments: () => {},
};

test("a day is simulated in milliseconds: schedule, ramp and clock as in the recipe", async () => {
  const clock = simulatedClock();
  const engine: Engine = { ...fakeEngine, accumulate: async () => clock.advance(0.5) };
  const recipe = { ...crammedBert, train: { ...crammedBert.train, microBatchSequences: 512 } };
  const options = {
    engine,
    source: constantSource,
    recipe,
    recipeHash: "",
    budget: parseBudget(recipe.train.budget),
    clock,
    run: undefined,
    resumeFrom: undefined,
  };
  const events = await collect(pretrain({ ...options, signal: new AbortController().signal }));
  const steps = events.filter(event => event.kind === "step");
  const start = events[0]!;
  assert.ok(start.kind === "start" && start.elapsedSeconds === 0 && start.warmupSeconds === 1);
  assert.equal(steps[0]!.batchSequences, 512);
  assert.equal(steps[0]!.learningRate, 0.25e-3);
  assert.equal(steps.at(-1)!.batchSequences, 8192);
  // The largest rate is reached at three quarters of the day, whatever the batch was.
  const peak = steps.reduce((best, event) => (event.learningRate > best.learningRate ? event : best));
  assert.ok(Math.abs(peak.elapsedSeconds / 86400 - 0.75) < 1e-3);
  const end = events.at(-1)!;
  assert.ok(end.kind === "end" && end.reason === "budget" && end.elapsedSeconds >= 86400 && end.elapsedSeconds < 86409);
  const microBatches = steps.reduce((total, event) => total + event.batchSequences / 512, 0);
  assert.ok(Math.abs(microBatches - 86400 / 0.5) <= 16);
  // Loss before training, one per interval, and the end.
  assert.equal(events.filter(event => event.kind === "validation").length, recipe.train.validations + 1);
});

test("a step is judged by one reading of the clock: by what the event before it says", async () => {
  // Every look at this clock takes a second.
  const clock = simulatedClock();
  const lookAt = () => {
    clock.advance(1);
    return clock.seconds();
  };
  const recipe = overrideRecipe(crammedBert, ["train.microBatchSequences=512"]);
  const budget = parseBudget("90s");
  const options = { engine: fakeEngine, source: constantSource, recipe, recipeHash: "", budget, run: undefined };
  const signal = new AbortController().signal;
  const events = await collect(
    pretrain({ ...options, clock: { ...clock, seconds: lookAt }, resumeFrom: undefined, signal }),
  );
  let progress = 0;
  for (const event of events) {
    if (event.kind === "step") {
      assert.equal(event.learningRate, rateAt(progress, recipe.schedule) * recipe.optimizer.learningRate);
      assert.equal(event.batchSequences, batchSizeAt(progress, { ...recipe.schedule, ...recipe.train }));
    }
    if (event.kind === "step" || event.kind === "validation") ({ progress } = event);
    if (event.kind !== "end") assert.ok(event.elapsedSeconds <= 90 + 4);
  }
  assert.ok(events.filter(event => event.kind === "step").length > 10);
});

test("a stop between two steps is left out of the budget, too, though its signal comes late", async () => {
  for (const stoppedAt of ["step", "validation", "checkpoint"]) {
    const raw = simulatedClock();
    let [stopped, late] = [0, 0];
    const clock = { ...raw, seconds: () => raw.seconds() - stopped };
    const settle = async () => {
      stopped += late;
      late = 0;
    };
    const engine: Engine = { ...fakeEngine, accumulate: async () => raw.advance(0.1) };
    const sizes = ["schedule.batchSequences=64", "train.microBatchSequences=64", "schedule.batchRamp=0"];
    const recipe = overrideRecipe(crammedBert, ["train.checkpointEverySeconds=2", ...sizes]);
    const budget = parseBudget("10s");
    const options = { engine, source: constantSource, recipe, recipeHash: "", budget, resumeFrom: undefined };
    const run = join(folder, `stopped-at-${stoppedAt}`);
    const signal = new AbortController().signal;
    let [steps, told] = [0, 0];
    for await (const event of pretrain({ ...options, run, clock, settle, stoppedSeconds: () => stopped, signal })) {
      if (event.kind === "step") {
        steps++;
        told += event.stoppedSeconds ?? 0;
        assert.ok(event.stepSeconds > 0.09 && event.stepSeconds < 0.11, `${stoppedAt}: ${event.stepSeconds}`);
      }
      assert.ok(event.elapsedSeconds < 10.2, `${stoppedAt}: ${event.kind} at ${event.elapsedSeconds} s`);
      if (event.kind === stoppedAt && stopped + late === 0 && steps > 30) {
        late = 30;
        raw.advance(late);
      }
    }
    assert.deepEqual([stopped, told], [30, 30]);
    assert.ok(steps >= 99, `${steps} steps`);
  }
});

/** A quadratic with a table of rows: small enough for the reference, stateful enough (momentum) for resume to be tested. */
const toy: TrainingDefinition = {
  parameters: new Map([
    ["table", [5, 3]],
    ["bias", [3]],
  ]),
  moments: new Map([
    ["momentum.table", { shape: [5, 3], dtype: "f32" }],
    ["momentum.bias", { shape: [3], dtype: "f32" }],
  ]),
  loss: parameters => {
    const rows = gather(parameters.get("table")!, input("rows", [2], "i32"));
    const error = subtract(add(rows, parameters.get("bias")!), input("target", [1], "f32"));
    return mean(multiply(error, error), [0, 1]);
  },
  update: (parameters, gradients) => {
    const updates = [...parameters].flatMap(([name, value]) => {
      const gradient = gradients.get(name)!;
      const momentum = add(multiply(stateOf(`momentum.${name}`, value.shape), 0.9), gradient);
      const next = add(value, negate(multiply(momentum, input("rate", [1], "f32"))));
      return [
        [name, next],
        [`momentum.${name}`, momentum],
      ] as const;
    });
    const squares = [...gradients.values()].map(gradient => {
      const flat = reshape(gradient, [gradient.shape.reduce((a, b) => a * b, 1)]);
      return sum(multiply(flat, flat), [0]);
    });
    return { updates: Object.fromEntries(updates), gradientNorm: sqrt(squares.reduce((a, b) => add(a, b))) };
  },
  scheduleInputs: ({ rateScale }) => ({ rate: Float32Array.of(rateScale * 0.1) }),
  initialise: name => Float32Array.from({ length: name === "table" ? 15 : 3 }, (_, i) => Math.sin(i)),
};

const toyRecipe: Recipe = {
  ...crammedBert,
  schedule: { learningRate: "budget-triangle2", batchSequences: 4, batchRamp: 0.5 },
  train: {
    ...crammedBert.train,
    budget: "30steps",
    microBatchSequences: 1,
    checkpointEverySeconds: 3,
    badStepsAllowed: 3,
  },
};

const backends: Readonly<Record<string, () => Promise<Backend> | Backend>> = {
  cpu: () => openCpu({ threads: 2 }),
  reference: openReference,
  "reference with scaled losses": () => ({ ...openReference(), scalesLoss: true }),
};

async function runToy(
  run: string,
  stopAfter: number,
  resume: boolean,
  {
    source = constantSource,
    name = "cpu",
    average,
    batchRule,
  }: { source?: BatchSource; name?: string; average?: WeightAverageSettings; batchRule?: BatchRuleSettings } = {},
) {
  const backend = await backends[name]!();
  const measured = { ...toy, measuresGradients: batchRule !== undefined };
  const definition = average === undefined ? measured : averageTraining(measured, average);
  const schedule = { ...toyRecipe.schedule, ...(batchRule && { batchRule, batchRamp: 0, batchSequences: 12 }) };
  const recipe = { ...toyRecipe, schedule, ...(average && { average }) };
  const engine = await openEngine(backend, definition);
  const budget = parseBudget(recipe.train.budget);
  const clock = simulatedClock();
  const stop = new AbortController();
  const resumeFrom = resume ? loadCheckpoint(run, definition) : undefined;
  const options = { engine, source, recipe, recipeHash: "r", budget, clock, run, resumeFrom, signal: stop.signal };
  const log = new EventLog(join(run, "events.jsonl"), resumeFrom?.counters.step);
  try {
    for await (const event of pretrain(options)) {
      log.append(event);
      clock.advance(1);
      if (event.kind === "step" && event.step === stopAfter) stop.abort();
    }
  } finally {
    log.close();
    await backend.close();
  }
}

for (const name of Object.keys(backends)) {
  test(`interrupted and resumed gives the bits and the events of never interrupted: ${name}`, async () => {
    const whole = join(folder, `whole-${name}`);
    const cut = join(folder, `cut-${name}`);
    await runToy(whole, -1, false, { name });
    await runToy(cut, 7, false, { name });
    await runToy(cut, 8, true, { name });
    await runToy(cut, 23, true, { name });
    await runToy(cut, -1, true, { name });
    for (const file of ["parameters.safetensors", "optimizer.safetensors"]) {
      const read = (run: string) => readFileSync(join(run, "checkpoints/step-00000030", file));
      assert.ok(read(whole).equals(read(cut)), file);
    }
    const losses = (run: string) =>
      readEvents(join(run, "events.jsonl")).flatMap(event => (event.kind === "step" ? [[event.step, event.loss]] : []));
    assert.deepEqual(losses(cut), losses(whole));
    const scaled = name.includes("scaled") ? { factor: 65536, steadySteps: 30 } : undefined;
    assert.deepEqual(loadCheckpoint(cut, toy).counters.lossScale, scaled);
    const scales = readEvents(join(cut, "events.jsonl")).flatMap(event =>
      event.kind === "step" ? event.lossScale : [],
    );
    assert.ok(scales.every(scale => scale === scaled?.factor));
  });
}

for (const average of [
  { name: "ema", decay: 0.8 },
  { name: "lawa", copies: 3, every: 0.1 },
] as const) {
  test(`an average of the parameters (${average.name}) is validated, changes no parameter, and is resumed to its bits`, async () => {
    const inFolder = (name: string) => join(folder, `${average.name}-${name}`);
    const [plain, whole, cut] = [inFolder("plain"), inFolder("whole"), inFolder("cut")];
    await runToy(plain, -1, false);
    await runToy(whole, -1, false, { average });
    await runToy(cut, 8, false, { average });
    await runToy(cut, 23, true, { average });
    await runToy(cut, -1, true, { average });
    const read = (run: string, part: string) =>
      readFileSync(join(run, `checkpoints/step-00000030/${part}.safetensors`));
    assert.ok(read(whole, "parameters").equals(read(plain, "parameters")));
    for (const part of ["parameters", "optimizer"]) assert.ok(read(whole, part).equals(read(cut, part)), part);
    const losses = (run: string) =>
      readEvents(join(run, "events.jsonl")).flatMap(event =>
        event.kind === "validation" ? [[event.step, event.loss, event.averageLoss] as const] : [],
      );
    assert.deepEqual(losses(cut), losses(whole));
    assert.deepEqual(
      losses(plain),
      losses(whole).map(([step, loss]) => [step, loss, undefined]),
    );
    const [, last, averaged] = losses(whole).at(-1)!;
    assert.ok(averaged !== undefined && Number.isFinite(averaged) && averaged !== last);
    assert.equal(losses(whole)[0]![2], undefined);
  });
}

test("a batch rule ends batches, and a monotone one is resumed where it was", async () => {
  const options = { name: "reference", batchRule: { name: "cosine", theta: 0.01, least: 2, monotone: true } } as const;
  const [whole, cut] = [join(folder, "rule-whole"), join(folder, "rule-cut")];
  await runToy(whole, -1, false, options);
  await runToy(cut, 12, false, options);
  await runToy(cut, 17, true, options);
  await runToy(cut, -1, true, options);
  const read = (run: string) => readFileSync(join(run, "checkpoints/step-00000030/parameters.safetensors"));
  assert.ok(read(whole).equals(read(cut)));
  const listBatches = (run: string) =>
    readEvents(join(run, "events.jsonl")).flatMap(event => (event.kind === "step" ? [event.batchSequences] : []));
  const seen = listBatches(whole);
  assert.deepEqual(listBatches(cut), seen);
  assert.ok(new Set(seen).size > 2 && seen.every((size, i) => size >= (seen[i - 1] ?? 2) && size <= 12), seen.join());
});

for (const name of ["adamw", "muon"]) {
  test(`warm-up leaves no trace under ${name}`, async () => {
    const small = ["width=8", "layers=1", "heads=2", "feedForward=8", "vocabulary=11", "sequenceLength=8"];
    const settings = [`optimizer.name=${name}`, "train.microBatchSequences=2", ...small.map(pair => `model.${pair}`)];
    const recipe = overrideRecipe(crammedBert, settings);
    const definition = defineTraining(recipe);
    const engine = await openEngine(openReference(), definition);
    const random = new RandomSequence(1, streams.sampling, 0);
    const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
    const batch = {
      tokens: draw(16, 11),
      positions: draw(4, 16),
      labels: draw(4, 11),
      ...makeTables(recipe.model),
    };
    const source = { ...constantSource, training: () => batch, validation: () => batch };
    const budget = parseBudget(recipe.train.budget);
    const options = { engine, source, recipe, recipeHash: "", budget, clock: simulatedClock(), run: undefined };
    const events = pretrain({ ...options, resumeFrom: undefined, signal: new AbortController().signal });
    await events.next();
    const initial = [...definition.parameters.keys()].map(key => [key, [...definition.initialise(key)]] as const);
    assert.deepEqual(await fetchValues(engine.readParameters()), initial);
    assert.ok((await fetchValues(engine.readMoments())).every(([, values]) => values.every(value => value === 0)));
  });
}

test("a step that is not finite changes nothing and is counted; several in a row end the run", async () => {
  const engine = await openEngine(openReference(), toy);
  const before = await fetchValues(engine.readParameters());
  await engine.accumulate({ rows: Int32Array.of(0, 1), target: Float32Array.of(Number.NaN) }, true);
  const { loss } = await engine.update({ step: 1, rateScale: 1 }, 1);
  assert.ok(Number.isNaN(loss));
  assert.deepEqual(await fetchValues(engine.readParameters()), before);
  assert.ok((await fetchValues(engine.readMoments())).every(([, values]) => values.every(value => value === 0)));
  const broken = {
    ...constantSource,
    training: () => ({ rows: Int32Array.of(0, 1), target: Float32Array.of(Number.POSITIVE_INFINITY) }),
  };
  await assert.rejects(
    () => runToy(join(folder, "broken"), -1, false, { source: broken }),
    (error: unknown) => error instanceof UserError && error.code === "E_DIVERGED" && error.message.includes("step 3"),
  );
});

test("accumulated micro-batches give the mean gradient", async () => {
  const engine = await openEngine(openReference(), toy);
  await engine.accumulate({ rows: Int32Array.of(0, 1), target: Float32Array.of(1) }, true);
  const one = await engine.update({ step: 1, rateScale: 0 }, 1);
  await engine.accumulate({ rows: Int32Array.of(0, 1), target: Float32Array.of(1) }, true);
  await engine.accumulate({ rows: Int32Array.of(0, 1), target: Float32Array.of(1) }, false);
  await engine.accumulate({ rows: Int32Array.of(0, 1), target: Float32Array.of(1) }, false);
  const three = await engine.update({ step: 1, rateScale: 0 }, 3);
  assert.ok(Math.abs(one.loss - three.loss) < 1e-6 && Math.abs(one.gradientNorm - three.gradientNorm) < 1e-6);
});
