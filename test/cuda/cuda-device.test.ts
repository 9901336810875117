// The cuda backend on the device of this machine: every operation against the reference, attention at the sizes that matter, a
// tiny training, and the same bits again. Skipped without a device; `npm test -- --require cuda cuda-device` insists on one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCuda } from "../../src/backends/cuda/cuda.ts";
import { openNativeDriver } from "../../src/backends/cuda/driver/native-driver.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { UserError } from "../../src/base/errors.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { Graph, Precision } from "../../src/graph/tensor.ts";
import { attention } from "../../src/nn/attention.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import { plan } from "../../src/verbs/plan.ts";
import { compareBackends, drawInputs, testConformance } from "../conformance/backend-conformance.ts";
import { compareTrainings, tinyRecipe, trainTiny } from "../conformance/tiny-training.ts";
import { fetchValues } from "../fetch-tensors.ts";
import { skipWithout } from "../required.ts";

/** Why there is no device to test on, and whether it has bf16. */
function examineDevice(): { absent: string | undefined; hasBf16: boolean } {
  try {
    const driver = openNativeDriver();
    driver.close();
    return { absent: undefined, hasBf16: driver.device.computeCapability >= 80 };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { absent: error.message, hasBf16: false };
  }
}

const { absent, hasBf16 } = examineDevice();
const skip = skipWithout("cuda", absent);
const skipBf16 = skip === false && absent === undefined && !hasBf16 ? "this device multiplies no bf16" : skip;
let exact: Backend;
before(async () => {
  if (skip === false) exact = await openCuda({ precision: "f32" });
});
after(() => exact?.close());

testConformance("this device", () => exact, { skip, randomGraphs: 30, narrow: ["bf16", "f16"], narrowProducts: 1e-5 });

async function withDevice<T>(precision: Precision, use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await openCuda({ precision });
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

/** Whole sequences and tiles, either width of head that the templates are made for, padding, and longer than any template. */
const layouts: readonly (readonly [length: number, headWidth: number, lengths?: readonly number[]])[] = [
  ...([
    [128, 64],
    [512, 64],
    [100, 64],
    [64, 64],
    [17, 32],
    [256, 128],
    [600, 64],
  ] as const),
  [128, 64, [128, 77, 1]],
  [512, 32, [1, 512, 300]],
];
for (const precision of ["f32", "bf16", "f16"] as const) {
  for (const [length, headWidth, lengths] of layouts) {
    const title = `attention and its gradient, length ${length}${lengths === undefined ? "" : ` padded`}, width ${headWidth}, in ${precision}`;
    test(title, { skip: precision === "bf16" ? skipBf16 : skip }, async () => {
      await withDevice(precision, async backend => {
        const layout = { batch: 3, heads: 2, headWidth, length };
        const shape = [layout.batch * length, 3 * layout.heads * headWidth];
        const qkv = g.input("qkv", shape, "f32");
        const padded = lengths === undefined ? undefined : g.input("lengths", [layout.batch], "i32");
        const result = attention(qkv, layout, padded);
        const loss = g.sum(
          g.multiply(result, result),
          result.shape.map((_, i) => i),
        );
        const graph: Graph = { outputs: { result, gradient: differentiate(loss, [qkv])[0]! }, updates: {} };
        const inputs = { ...drawInputs({ qkv: shape }), ...(lengths && { lengths: Int32Array.from(lengths) }) };
        const error = await compareBackends(backend, graph, inputs);
        // 2^-9 an operand in bf16 and 2^-12 in f16, a few of them in a row.
        assert.ok(error < { f32: 1e-5, bf16: 2e-2, f16: 3e-3 }[precision], `${error}`);
      });
    });
  }
}

for (const optimizer of ["adamw", "muon"] as const) {
  test(`a tiny training with ${optimizer} has the reference's losses`, { skip }, async () => {
    const seen = await withDevice("f32", device => compareTrainings(openReference(), device, tinyRecipe(optimizer)));
    const shown = JSON.stringify(seen);
    assert.ok(seen.falls && seen.loss < 1e-5 && seen.gradientNorm < 1e-4 && seen.parameters < 1e-3, shown);
  });
}

test("a tiny training in bf16 is near the one in f32, and gives the same bits each time", {
  skip: skipBf16,
}, async () => {
  const recipe = tinyRecipe("adamw");
  const trainOn = (precision: "f32" | "bf16") =>
    withDevice(precision, async device => {
      const engine = await openEngine(device, defineTraining(recipe));
      const results = await trainTiny(engine, recipe);
      return { results, parameters: await fetchValues(engine.readParameters()) };
    });
  const [first, second] = [await trainOn("bf16"), await trainOn("bf16")];
  assert.deepEqual(second, first);
  const plain = await trainOn("f32");
  first.results.forEach(({ loss }, i) => {
    const expected = plain.results[i]!.loss;
    assert.ok(Math.abs(loss - expected) < 5e-3 * expected, `step ${i}: ${loss}, in f32 ${expected}`);
  });
});

test("a run is planned from what this device does", { skip }, async () => {
  const forecast = await plan({ recipe: "quickstart", backend: "cuda", measureSeconds: 1 });
  assert.equal(forecast.device.title.split(", ").at(-1), hasBf16 ? "bf16" : "f16");
  assert.ok(forecast.course.steps > 100 && forecast.memory.total < forecast.device.memoryBytes);
});

test("launches are timed, the device's energy grows, and its peak is above what a processor has", {
  skip,
}, async () => {
  const x = g.input("x", [512, 512], "f32");
  const loaded = await exact.load({ outputs: { y: g.matmul(x, x) }, updates: {} }, new Map());
  const inputs = { x: new Float32Array(512 * 512).fill(1) };
  await loaded.run(inputs);
  const [seconds] = await loaded.timeLaunches!(inputs, 1);
  assert.ok([...seconds!].every(each => each > 1e-7 && each < 0.1));
  assert.ok((await exact.measurePeak!()) > 1e12);
  const before = exact.readJoules!();
  if (before !== undefined) assert.ok(exact.readJoules!()! >= before);
});
