// The cuda backend against the reference on an emulated device: the printed CUDA kernels themselves are run, thread by thread in
// an order that is drawn, so what no barrier orders shows. Then what the layout of threads makes of row lengths.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend, DeviceBuffer, HostArray } from "../../src/backends/backend.ts";
import { openCudaOn } from "../../src/backends/cuda/cuda.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { Graph, Tensor } from "../../src/graph/tensor.ts";
import { applyDropout } from "../../src/nn/dropout.ts";
import { layerNorm, softmax } from "../../src/nn/norm.ts";
import { compareBackends, drawInputs, testConformance } from "../conformance/backend-conformance.ts";
import { emulatorAbsent, openEmulatedDriver } from "../cuda-emulator/emulated-driver.ts";

const skip = emulatorAbsent ?? false;
let cuda: Backend;
before(async () => {
  if (skip === false) cuda = openCudaOn(await openEmulatedDriver({ order: "random", seed: 3 }));
});
after(() => cuda?.close());

testConformance("cuda", () => cuda, { skip, randomGraphs: 12, narrow: ["bf16", "f16"] });

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
  // Short rows share a thread block, which is not full; a long one has its own, so two are all that differ.
  const rows = columns > 1024 ? 2 : 5;
  test(`rows of ${columns}, in f32 and as bf16 in memory`, { skip }, async () => {
    for (const dtype of ["f32", "bf16"] as const) {
      // One program for all operations, each on operands of its own: a compiler's start is what a program costs here.
      const all = Object.entries(rowOperations).map(([name, operation]) => {
        const shapes = { [`x of ${name}`]: [rows, columns], [`weight of ${name}`]: [columns] };
        const operands = Object.entries(shapes).map(([input, shape]) => g.input(input, shape, "f32"));
        const [x, weight] = operands.map(operand => g.cast(g.cast(operand, dtype), "f32")) as [Tensor, Tensor];
        const result = operation(x, weight);
        const gradients = differentiate(g.sum(g.multiply(result, result), [0, 1]), operands);
        const named = gradients.map((gradient, i) => [`gradient ${i} of ${name}`, gradient] as const);
        return { shapes, outputs: { [name]: g.cast(result, dtype), ...Object.fromEntries(named) } };
      });
      const outputs = Object.assign({}, ...all.map(one => one.outputs)) as Record<string, Tensor>;
      const inputs = drawInputs(Object.assign({}, ...all.map(one => one.shapes)));
      const error = await compareBackends(cuda, { outputs, updates: {} }, inputs);
      assert.ok(error < (dtype === "f32" ? 2e-6 : 2 ** -8), `${dtype}: ${error}`);
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
      const joined = kernels.filter(
        ({ name, source }) => name.startsWith("row") && source.includes("__shared__ float part"),
      );
      assert.equal(joined.length, 1, "the sums of columns are made by a kernel of rows");
      const error = await compareBackends(cuda, graph, drawInputs(shapes));
      assert.ok(error < (dtype === "f32" ? 3e-6 : 2 ** -8), `${count} × ${columns} in ${dtype}: ${error}`);
    }
  }
});

test("sums of columns that are read in another order than they are made in", { skip }, async () => {
  const x = g.input("x", [256, 96], "f32");
  const sums = g.reshape(g.sum(x, [0]), [8, 12]);
  const outputs = { turned: g.tanh(g.reshape(g.permute(sums, [1, 0]), [96])) };
  const error = await compareBackends(cuda, { outputs, updates: {} }, drawInputs({ x: [256, 96] }));
  assert.ok(error < 1e-6, `${error}`);
});

test("exponentials: exact where products are, and beside bf16 as near as is said", { skip }, async () => {
  const x = Float32Array.from({ length: 1201 }, (_, i) => (i - 600) / 100);
  const of = g.input("x", [x.length], "f32");
  const graph = { outputs: { exp: g.exp(of), erf: g.erf(of) }, updates: {} };
  const measure = async (precision: "f32" | "bf16") => {
    const backend = openCudaOn(await openEmulatedDriver(), { precision });
    const { exp, erf } = await (await backend.load(graph, new Map())).run({ x });
    const expected = (await (await openReference().load(graph, new Map())).run({ x })) as Record<string, HostArray>;
    await backend.close();
    const worst = (seen: HostArray, wanted: HostArray, scale: (value: number) => number) =>
      Math.max(...seen.map((value, i) => Math.abs(value - wanted[i]!) / scale(wanted[i]!)));
    return { exp: worst(exp!, expected.exp!, Math.abs), erf: worst(erf!, expected.erf!, () => 1) };
  };
  const exact = await measure("f32");
  assert.ok(exact.exp < 1.2e-7 && exact.erf < 1.2e-7, JSON.stringify(exact));
  const near = await measure("bf16");
  // 2^x of a rounded product: 2^-24 of its exponent, up to 8.7 here. The polynomial of erf is 1.5e-7 off by itself.
  assert.ok(near.exp < 1e-6 && near.erf > 1.2e-7 && near.erf < 5e-7, JSON.stringify(near));
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

/** Values (count, columns) added at indices of which a third are one, and the first ones few, into a table. */
function scatterRepeated(count: number, columns: number, tableRows: number): [Graph, Record<string, HostArray>] {
  const values = g.input("values", [count, columns], "f32");
  const summed = g.scatterAdd(values, g.input("indices", [count], "i32"), tableRows);
  const indices = Int32Array.from({ length: count }, (_, i) =>
    i % 3 === 0 ? 7 : (i * i) % (i < 1100 ? 32 : tableRows),
  );
  return [
    { outputs: { summed }, updates: {} },
    { ...drawInputs({ values: [count, columns] }), indices },
  ];
}

test("rows scattered by more indices than a thread block sorts, many of them equal", { skip }, async () => {
  for (const [count, columns, tableRows] of [
    [2500, 5, 70],
    [2500, 300, 33],
    [512, 8, 9],
    [1, 4, 40],
  ] as const) {
    const error = await compareBackends(cuda, ...scatterRepeated(count, columns, tableRows));
    assert.ok(error < 1e-6, `${count} of ${columns} into ${tableRows}: ${error}`);
  }
});

test("rows are scattered to the same bits in every order of threads", { skip }, async () => {
  const [graph, inputs] = scatterRepeated(1100, 8, 40);
  const results: HostArray[] = [];
  for (const order of ["ascending", "descending", "random"] as const) {
    const backend = openCudaOn(await openEmulatedDriver({ order }));
    results.push((await (await backend.load(graph, new Map())).run(inputs)).summed!);
    await backend.close();
  }
  for (const result of results) assert.deepEqual(result, results[0]);
});

/** Runs a graph of states of 40 elements twice on both backends and compares what the states then hold. */
async function compareUpdates(names: readonly string[], build: () => Graph): Promise<number> {
  const results: number[][] = [];
  for (const backend of [cuda, openReference()]) {
    const states = new Map<string, DeviceBuffer>();
    for (const [i, name] of names.entries()) {
      states.set(name, backend.allocate([40], "f32"));
      backend.write(
        states.get(name)!,
        Float32Array.from({ length: 40 }, (_, n) => Math.sin(n + 41 * i)),
      );
    }
    const loaded = await backend.load(build(), states);
    await loaded.run({});
    await loaded.run({});
    const read = await Promise.all([...states.values()].map(buffer => backend.read(buffer)));
    results.push(read.flatMap(values => [...values]));
  }
  const [got, expected] = results as [number[], number[]];
  return Math.max(...got.map((value, i) => Math.abs(value - expected[i]!)));
}

const small = Array.from({ length: 40 }, (_, i) => `p${i}`);
const nextOf = (i: number) => small[(i + 1) % small.length]!;

test("an update of many small tensors by their common norm, which is cut into many kernels", { skip }, async () => {
  const build = (): Graph => {
    const squares = small.map(name => g.sum(g.multiply(g.state(name, [40]), g.state(name, [40])), [0]));
    const norm = g.sqrt(squares.reduce((total, square) => g.add(total, square)));
    const updates = small.map((name, i) => {
      const next = g.state(nextOf(i), [40]);
      return [name, g.add(g.multiply(g.state(name, [40]), 0.9), g.divide(next, norm))] as const;
    });
    return { outputs: {}, updates: Object.fromEntries(updates) };
  };
  const worst = await compareUpdates(small, build);
  assert.ok(worst < 1e-6, `${worst}`);
});

test("a ring of updates that each read the old value of the next", { skip }, async () => {
  const build = (): Graph => {
    const updates = small.map((name, i) => [name, g.subtract(g.state(name, [40]), g.state(nextOf(i), [40]))] as const);
    return { outputs: {}, updates: Object.fromEntries(updates) };
  };
  const worst = await compareUpdates(small, build);
  assert.ok(worst < 1e-6, `${worst}`);
});
