// The cuda backend against the reference on an emulated device: the printed CUDA kernels themselves are run, thread by thread in
// an order that is drawn, so what no barrier orders shows. Then what the layout of threads makes of row lengths.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend } from "../src/backends/backend.ts";
import { openCudaOn } from "../src/backends/cuda/cuda.ts";
import { differentiate } from "../src/graph/gradient.ts";
import * as g from "../src/graph/operations.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import { applyDropout } from "../src/nn/dropout.ts";
import { layerNorm, softmax } from "../src/nn/norm.ts";
import { compareBackends, drawInputs, testConformance } from "./backend-conformance.ts";
import { emulatorAbsent, openEmulatedDriver } from "./cuda-emulator/emulated-driver.ts";

const skip = emulatorAbsent ?? false;
let cuda: Backend;
before(async () => {
  if (skip === false) cuda = openCudaOn(await openEmulatedDriver({ order: "random", seed: 3 }));
});
after(() => cuda?.close());

testConformance("cuda", () => cuda, { skip, randomGraphs: 12 });

const rows = 5;
const rowOperations: Readonly<Record<string, (x: Tensor, weight: Tensor) => Tensor>> = {
  "layer norm of a residual": (x, weight) => {
    const sum = g.add(x, g.tanh(x));
    return g.add(sum, layerNorm(sum, weight, weight, 1e-5));
  },
  softmax: x => softmax(x),
  "two reductions in one pass": (x, weight) => g.add(g.multiply(x, g.max(x, [1])), g.sum(g.multiply(x, weight), [1])),
  "sums of columns": (x, weight) => g.add(x, g.multiply(g.sum(x, [0]), weight)),
};

// A lane and less, a warp's chunks whole and not, the longest row of a warp, thread blocks of one chunk a thread and of several.
for (const columns of [8, 31, 100, 768, 1000, 1024, 1032, 2049, 4100, 9000]) {
  test(`rows of ${columns}, in f32 and as bf16 in memory`, { skip }, async () => {
    for (const [name, operation] of Object.entries(rowOperations)) {
      for (const dtype of ["f32", "bf16"] as const) {
        const shapes = { x: [rows, columns], weight: [columns] };
        const operands = Object.entries(shapes).map(([input, shape]) => g.input(input, shape, "f32"));
        const [x, weight] = operands.map(operand => g.cast(g.cast(operand, dtype), "f32")) as [Tensor, Tensor];
        const result = operation(x, weight);
        const gradients = differentiate(g.sum(g.multiply(result, result), [0, 1]), operands);
        const outputs = {
          result: g.cast(result, dtype),
          ...Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient])),
        };
        const error = await compareBackends(cuda, { outputs, updates: {} }, drawInputs(shapes));
        assert.ok(error < (dtype === "f32" ? 2e-6 : 2 ** -8), `${name} in ${dtype}: ${error}`);
      }
    }
  });
}

test("sums of columns beside a reduction of rows, over several blocks of rows", { skip }, async () => {
  for (const [count, columns] of [
    [192, 96],
    [256, 100],
    [130, 7],
  ] as const) {
    for (const dtype of ["f32", "bf16"] as const) {
      const shapes = { x: [count, columns], scale: [columns], shift: [columns], projection: [columns, 5] };
      const operands = Object.entries(shapes).map(([input, shape]) => g.input(input, shape, "f32"));
      const [x, scale, shift, projection] = operands.map(operand => g.cast(g.cast(operand, dtype), "f32")) as Tensor[];
      // The product keeps the norm's gradient apart from the norm, as in a model.
      const result = g.matmul(layerNorm(x!, scale!, shift!, 1e-5), projection!);
      const gradients = differentiate(g.sum(g.multiply(result, result), [0, 1]), operands);
      const graph = {
        outputs: Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient])),
        updates: {},
      };
      const { kernels } = (await cuda.load(graph, new Map())).program!;
      const joined = kernels.filter(({ name, source }) => name.startsWith("row") && source.includes("part[warp]"));
      assert.equal(joined.length, 1, "the sums of columns are made by a kernel of rows");
      const error = await compareBackends(cuda, graph, drawInputs(shapes));
      assert.ok(error < (dtype === "f32" ? 3e-6 : 2 ** -8), `${count} × ${columns} in ${dtype}: ${error}`);
    }
  }
});

test("dropout drops the same elements at every width of a chunk", { skip }, async () => {
  for (const shape of [
    [5, 7],
    [16, 768],
    [3, 1032],
  ]) {
    const seed = g.input("seed", [1], "u32");
    const dropped = applyDropout(g.input("x", shape, "f32"), { rate: 0.3, seed }, 1);
    const graph = { outputs: { dropped, bits: g.randomBits(seed, 3, shape) }, updates: {} };
    const error = await compareBackends(cuda, graph, { ...drawInputs({ x: shape }), seed: Uint32Array.of(77) });
    assert.ok(error < 1e-7, `${shape.join("×")}: ${error}`);
  }
});
