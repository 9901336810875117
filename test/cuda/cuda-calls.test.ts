// What the CUDA backend asks of a driver, and in which order: inputs before the launches, one graph a program, no waiting in the
// middle of a step, memory given back when something fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import type { StateExchange } from "../../src/backends/backend.ts";
import { openCudaOn } from "../../src/backends/cuda/cuda.ts";
import { systemClock } from "../../src/base/clock.ts";
import { UserError } from "../../src/base/errors.ts";
import { add, cast, input, matmul, multiply, state } from "../../src/graph/operations.ts";
import type { Precision } from "../../src/graph/tensor.ts";
import { measureCopy } from "../../src/machine/measure-copy.ts";
import { drawBatch, measureStep } from "../../src/machine/measure-step.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { pretrain } from "../../src/train/pretrain.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { tinyRecipe } from "../conformance/tiny-training.ts";
import { openRecordedDriver } from "./recorded-cuda-driver.ts";

const recipe = overrideRecipe(quickstart, [
  ...["model.width=32", "model.layers=2", "model.heads=2", "model.feedForward=64", "model.vocabulary=96"],
  ...["model.sequenceLength=16", "train.microBatchSequences=2", "train.precision=bf16"],
]);
const verbs = (calls: readonly string[]) => calls.map(call => call.split(" ")[0]!);

test("a training step: inputs, then one replay a micro-batch, and nothing waits before the loss is asked for", async () => {
  const driver = openRecordedDriver();
  const backend = openCudaOn(driver, { precision: "bf16" });
  const engine = await openEngine(backend, defineTraining(recipe));
  assert.equal(driver.calls.filter(call => call === "loadModule").length, 4);
  const batch = drawBatch(recipe);
  const schedule = { step: 1, rateScale: 1 };
  const warmUp = async () => {
    await engine.accumulate(batch, true);
    await engine.accumulate(batch, false);
    await engine.update(schedule, 2);
    await engine.validate(batch);
  };
  await warmUp();
  assert.equal(verbs(driver.calls).filter(verb => verb === "capture").length, 4, "each program is recorded once");

  driver.calls.length = 0;
  // Were anything awaited from the device in here, these turns would show in the order of the calls.
  driver.latency = 3;
  await engine.accumulate(batch, true);
  await engine.accumulate(batch, false);
  await engine.accumulate(batch, false);
  assert.deepEqual(
    verbs(driver.calls),
    [1, 2, 3].flatMap(() => [...new Array<string>(Object.keys(batch).length).fill("copyIn"), "replay"]),
  );
  const [first, second, third] = driver.calls.filter(call => call.startsWith("replay"));
  assert.notEqual(first, second);
  assert.equal(second, third);

  driver.calls.length = 0;
  await engine.update(schedule, 3);
  const step = verbs(driver.calls);
  const replay = step.indexOf("replay");
  assert.ok(replay > 0 && step.slice(0, replay).every(verb => verb === "copyIn"));
  assert.deepEqual(
    step.slice(replay + 1),
    ["copyOut", "copyOut", "arrived", "arrived"],
    "both results are asked for at once",
  );
  await backend.close();
  assert.equal(driver.held.size, 0);
});

test("the next batch is read between the launches of an update and the arrival of its loss", async () => {
  const driver = openRecordedDriver();
  const backend = openCudaOn(driver, { precision: "bf16" });
  const engine = await openEngine(backend, defineTraining(recipe));
  const batch = drawBatch(recipe);
  driver.latency = 3;
  const source = { datasetHash: "", unigramEntropy: 5, validationBatches: 1, validation: () => batch };
  const training = (first: number) => {
    driver.calls.push(`read ${first}`);
    return batch;
  };
  const steps = overrideRecipe(recipe, ["schedule.batchSequences=2", "schedule.batchRamp=0"]);
  const budget = { kind: "steps", steps: 3 } as const;
  const options = {
    engine,
    recipe: steps,
    recipeHash: "",
    budget,
    clock: systemClock,
    run: undefined,
    resumeFrom: undefined,
  };
  const signal = new AbortController().signal;
  for await (const _ of pretrain({ ...options, source: { ...source, training }, signal }));
  for (const at of [2, 4].map(first => driver.calls.indexOf(`read ${first}`))) {
    // Since the last result came, the batch before it and the update have been launched.
    const since = verbs(
      driver.calls.slice(
        driver.calls.slice(0, at).findLastIndex(call => call.startsWith("arrived")),
        at,
      ),
    );
    assert.equal(since.filter(verb => verb === "replay").length, 2, since.join(" "));
    assert.equal(
      verbs(driver.calls.slice(at)).find(verb => verb !== "copyOut" && verb !== "read"),
      "arrived",
    );
  }
  await backend.close();
});

test("a graph is what the first run launched, with the same addresses", async () => {
  const driver = openRecordedDriver();
  const backend = openCudaOn(driver);
  const engine = await openEngine(backend, defineTraining(recipe));
  driver.calls.length = 0;
  await engine.accumulate(drawBatch(recipe), true);
  const calls = driver.calls.filter(call => !call.startsWith("copyIn"));
  const begin = calls.indexOf("capture 1");
  assert.ok(begin > 20);
  assert.deepEqual(
    calls.slice(begin + 1),
    calls.slice(0, begin).map(call => `  ${call}`),
  );
  await backend.close();
});

test("addresses: offsets in one arena, states and inputs in their own places, an addend where a product adds", async () => {
  const driver = openRecordedDriver();
  const backend = openCudaOn(driver);
  const weight = backend.allocate([8, 8], "f32");
  const sum = backend.allocate([4, 8], "f32");
  const product = matmul(input("x", [4, 8], "f32"), state("weight", [8, 8]));
  const loaded = await backend.load(
    { outputs: {}, updates: { sum: add(state("sum", [4, 8]), product) } },
    new Map([
      ["weight", weight],
      ["sum", sum],
    ]),
  );
  driver.calls.length = 0;
  await loaded.run({ x: new Float32Array(32) });
  const at = (buffer: object) => (buffer as { address: bigint }).address.toString(16);
  const inputAt = driver.calls[0]!.split(" ").at(-1);
  assert.equal(driver.calls[1], `multiply: ${inputAt} ${at(weight)} ${at(sum)} ${at(sum)}`);
  await backend.close();
});

test("a graph is recorded again when the arena has moved, and not otherwise", async () => {
  const driver = openRecordedDriver();
  const backend = openCudaOn(driver);
  const square = (size: number) => {
    const x = input("x", [size, size], "f32");
    return { outputs: { y: matmul(matmul(x, x), x) }, updates: {} };
  };
  const small = await backend.load(square(8), new Map());
  await small.run({ x: new Float32Array(64) });
  const large = await backend.load(square(64), new Map());
  driver.calls.length = 0;
  await small.run({});
  assert.deepEqual(
    verbs(driver.calls).filter(verb => ["capture", "replay", "free"].includes(verb)),
    ["free", "capture"],
  );
  await large.run({ x: new Float32Array(4096) });
  driver.calls.length = 0;
  await small.run({});
  await small.run({});
  assert.deepEqual(
    verbs(driver.calls).filter(verb => verb !== "copyOut" && verb !== "arrived"),
    ["replay", "replay"],
  );
  await backend.close();
});

test("what does not fit is an error with the numbers by kind before anything runs, and what was taken is given back", async () => {
  const driver = openRecordedDriver({ memoryBytes: 3 * 2 ** 20 });
  const backend = openCudaOn(driver);
  const states = new Map([["w", backend.allocate([512, 512], "f32")]]);
  const x = input("x", [512, 512], "f32");
  const w = state("w", [512, 512]);
  const before = [...driver.held];
  const graph = { outputs: { y: matmul(matmul(x, w), w) }, updates: {} };
  await assert.rejects(backend.load(graph, states), (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.code, "E_CUDA_MEMORY");
    assert.match(error.message, /states 1 MiB, inputs and outputs 2 MiB, arena 1 MiB; 0 MiB of 3 MiB are left/);
    return true;
  });
  assert.deepEqual([...driver.held], before);
  assert.ok(!driver.calls.some(call => call.startsWith("launch") || call.startsWith("multiply")));
  await backend.close();
});

test("an error in the middle of a recording leaves no graph, and an input that was never written is one", async () => {
  const x = input("x", [4], "f32");
  const graph = { outputs: { y: multiply(x, 2) }, updates: {} };
  const missing = openCudaOn(openRecordedDriver());
  await assert.rejects((await missing.load(graph, new Map())).run({}), /input x was never written/);
  const names: string[] = [];
  const probe = openCudaOn(openRecordedDriver());
  names.push(...(await probe.load(graph, new Map())).program!.kernels.map(({ name }) => name));
  const driver = openRecordedDriver({ failingKernel: names[0]! });
  const backend = openCudaOn(driver);
  await assert.rejects((await backend.load(graph, new Map())).run({ x: new Float32Array(4) }), /fails/);
  assert.ok(!verbs(driver.calls).includes("replay"));
  await backend.close();
  assert.equal(driver.held.size, 0);
});

test("times are those of the launches, run by run", async () => {
  const backend = openCudaOn(openRecordedDriver());
  const x = input("x", [4, 4], "f32");
  const loaded = await backend.load({ outputs: { y: matmul(x, multiply(x, 2)) }, updates: {} }, new Map());
  const seconds = await loaded.timeLaunches!({ x: new Float32Array(16) }, 2);
  assert.deepEqual(seconds, [Float64Array.of(1, 2), Float64Array.of(1, 2)]);
  await backend.close();
});

test("a device computes in the fastest type that it multiplies, and refuses by name what it does not", async () => {
  const openAs = (computeCapability: number, precision: "auto" | Precision) =>
    openCudaOn(openRecordedDriver({ computeCapability }), { precision });
  assert.match(openAs(90, "auto").device, /9\.0, bf16$/);
  assert.match(openAs(75, "auto").device, /compute capability 7\.5, f16$/);
  assert.match(openAs(61, "auto").device, /6\.1, f32$/);
  assert.throws(() => openAs(75, "bf16"), { code: "E_OPTION", message: /recorded multiplies no bf16.*7\.5.*8\.0/ });
  assert.throws(() => openAs(61, "f16"), { code: "E_OPTION", message: /recorded multiplies no f16.*6\.1.*7\.0/ });
  assert.deepEqual(
    [openAs(90, "f16"), openAs(75, "auto"), openAs(90, "bf16"), openAs(61, "f32")].map(({ scalesLoss }) => scalesLoss),
    [true, true, false, false],
  );
});

test("a second gradient has no loss scale, and is refused", async () => {
  const recipe = overrideRecipe(tinyRecipe("adamw"), ["optimizer.name=sophia"]);
  const backend = openCudaOn(openRecordedDriver({ computeCapability: 75 }), { precision: "auto" });
  await assert.rejects(openEngine(backend, defineTraining(recipe)), { code: "E_OPTION", message: /second gradient/ });
  await backend.close();
});

test("values of every type come back as the host's", async () => {
  const backend = openCudaOn(openRecordedDriver());
  const buffer = backend.allocate([3], "bf16");
  assert.ok(backend.read(buffer) instanceof Float32Array);
  assert.throws(() => backend.write(buffer, new Float32Array(2)), /3 elements was given 2/);
  const ids = input("ids", [2], "i32");
  const outputs = { y: cast(ids, "f32") };
  const loaded = await backend.load({ outputs, updates: {} }, new Map());
  assert.deepEqual((await loaded.run({ ids: Int32Array.of(1, 2) })).y, new Float32Array(2));
  await backend.close();
});

test("what is measured is the device's time: a copy by its clock, a step after its work is done", async () => {
  const driver = openRecordedDriver();
  const backend = openCudaOn(driver, { precision: "bf16" });
  let now = 0;
  const clock = { ...systemClock, seconds: () => now };
  // The recorded device says one second for its only launch.
  assert.equal(await measureCopy(backend, clock, 2 ** 10), 2 ** 11);
  const synchronise = driver.synchronise.bind(driver);
  driver.synchronise = async () => {
    now += 3;
    await synchronise();
  };
  const { microBatchSeconds, updateSeconds } = await measureStep(backend, recipe, clock, 1);
  assert.deepEqual([microBatchSeconds, updateSeconds], [3, 3]);
  await backend.close();
});

test("states are exchanged behind the launch that is done with them, in rank 0's order, and what is asked behind waits", async () => {
  for (const isReversed of [false, true]) {
    const driver = openRecordedDriver();
    const backend = openCudaOn(driver, { precision: "bf16" });
    const engine = await openEngine(backend, defineTraining(recipe));
    const names = new Set([...engine.states.keys()].filter(name => /^gradient\.|^lossSum$/.test(name)));
    const agreed: string[][] = [];
    const readiness: boolean[] = [];
    let isSoElsewhere = true;
    const exchange: StateExchange = {
      ...{ names, bucketBytes: 4096 },
      agreeOn: async buckets => {
        const listed = buckets.map(bucket => [...bucket]);
        agreed.push(...(isReversed ? listed.reverse() : listed));
        return agreed;
      },
      isSoOnAll: async isSo => {
        readiness.push(isSo);
        return isSo && isSoElsewhere;
      },
      sum: (places, stream) =>
        driver.note(`sum on ${stream}: ${places.map(({ address }) => address.toString(16)).join(" ")}`),
    };
    const batch = drawBatch(recipe);
    driver.calls.length = 0;
    await engine.accumulate(batch, true, exchange);
    const begin = driver.calls.findIndex(call => call.startsWith("capture"));
    const asked = driver.calls.slice(0, begin).filter(call => !call.startsWith("copyIn"));
    assert.deepEqual(
      driver.calls.slice(begin + 1),
      asked.map(call => `  ${call}`),
      "the graph has the exchanges",
    );
    assert.deepEqual(new Set(agreed.flat()), names);
    assert.ok(agreed.length > 4, `${agreed.length} buckets`);
    const sums = asked.flatMap((call, at) => (call.startsWith("sum on 88: ") ? [at] : []));
    assert.equal(sums.length, agreed.length);
    let before = -1;
    sums.forEach((at, i) => {
      const addresses = asked[at]!.slice("sum on 88: ".length).split(" ");
      assert.equal(addresses.length, agreed[i]!.length);
      const touches = (call: string) => addresses.some(address => call.split(" ").includes(address));
      assert.ok(!asked.slice(at + 1).some(touches), `bucket ${i} is touched behind its exchange`);
      assert.equal(asked[at - 1], "follow");
      // Behind the last of its own launches, or with the bucket before it.
      assert.ok(touches(asked[at - 2]!) || at - 2 === before, `bucket ${i} waits for other launches`);
      before = at;
    });
    assert.equal(asked.indexOf("join"), asked.length - 1);
    // Backward, not behind it: most of the launches come after the first bucket.
    if (!isReversed) assert.ok(sums[0]! < 0.7 * asked.length, `the first bucket is call ${sums[0]} of ${asked.length}`);

    driver.calls.length = 0;
    await engine.accumulate(batch, true, exchange);
    isSoElsewhere = false;
    await engine.accumulate(batch, true, exchange);
    assert.deepEqual(
      driver.calls.filter(call => /^(replay|capture|free)/.test(call)).map(call => call.split(" ")[0]),
      ["replay", "free", "capture"],
      "where one rank must record, all do",
    );
    assert.deepEqual(readiness, [false, true, true]);
    await backend.close();
  }
});
