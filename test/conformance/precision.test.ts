// The policies against float64: a small model's loss and gradients differ by what rounding operands to eight bits of bf16, or eleven of
// f16, explains, and every kernel of the program takes part (attention, products of several uses, transposed operands). CUDA kernels run on
// an emulated device.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend, DeviceBuffer } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openCudaOn } from "../../src/backends/cuda/cuda.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { add, input, matmul, state, transpose } from "../../src/graph/operations.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { computeMaskedLoss } from "../../src/model/heads.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { declareMaskedInputs, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape, type ModelShape } from "../../src/model/shape.ts";
import { orthogonalise } from "../../src/optim/matrix/orthogonalise.ts";
import { emulatorAbsent, openEmulatedDriver } from "../cuda-emulator/emulated-driver.ts";
import { productSizes } from "./backend-conformance.ts";

const sequences = 3;
const predictions = 12;
const opened = new Map<string, Backend>();
before(async () => {
  opened.set("cpu", await openCpu({ threads: 2, precision: "bf16" }));
  if (emulatorAbsent === undefined) {
    opened.set("cuda", openCudaOn(await openEmulatedDriver({ order: "random" }), { precision: "bf16" }));
    const turing = await openEmulatedDriver({ order: "random", computeCapability: 75 });
    opened.set("cuda 7.5", openCudaOn(turing, { precision: "f16" }));
  }
});
after(async () => {
  for (const backend of opened.values()) await backend.close();
});

async function computeGradients(backend: Backend, shape: ModelShape) {
  const listed = listParameters(shape);
  const parameters = new Map(
    listed.map(parameter => [parameter.name, state(parameter.name, parameter.shape)] as const),
  );
  const loss = computeMaskedLoss(declareMaskedInputs(shape, sequences, predictions), parameters, shape);
  const gradients = differentiate(loss, [...parameters.values()]);
  const states = new Map<string, DeviceBuffer>();
  const initial = initialiseParameters(shape, 1);
  for (const parameter of listed) {
    states.set(parameter.name, backend.allocate(parameter.shape, "f32"));
    // Five times the usual deviation, so that attention is not uniform.
    const values = initial.get(parameter.name)!.map(value => (parameter.role === "matrix" ? 5 * value : value));
    backend.write(states.get(parameter.name)!, values);
  }
  const random = new RandomSequence(2, streams.sampling, 0);
  const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
  const tokens = sequences * shape.sequenceLength;
  const outputs = { loss, ...Object.fromEntries(listed.map(({ name }, i) => [name, gradients[i]!])) };
  return (await backend.load({ outputs, updates: {} }, states)).run({
    tokens: draw(tokens, shape.vocabulary),
    positions: Int32Array.from({ length: predictions }, (_, i) => Math.floor((i * tokens) / predictions)),
    labels: draw(predictions, shape.vocabulary),
    ...makeTables(shape),
  });
}

test("the cpu backend refuses f16 by name", async () => {
  await assert.rejects(openCpu({ precision: "f16" }), { code: "E_OPTION", message: /multiplies no f16/ });
});

const cases = [
  ...["cpu", "cuda"].flatMap(name =>
    (["rotary", "scaled-sinusoidal"] as const).map(positions => ({ name, positions, precision: "bf16" as const })),
  ),
  { name: "cuda 7.5", positions: "rotary", precision: "f16" },
] as const;
/** The most that a gradient may be off, as a whole, and the least that one must be, or the policy was not applied. */
const bounds = {
  bf16: { loss: 2e-3, most: 0.02, least: 1e-4 },
  f16: { loss: 3e-4, most: 0.003, least: 1e-5 },
} as const;
for (const { name: backend, positions, precision } of cases) {
  const skip = backend !== "cpu" && emulatorAbsent !== undefined ? emulatorAbsent : false;
  const bound = bounds[precision];
  test(`a model with ${positions} positions in ${precision} on ${backend}`, { skip }, async () => {
    const sizes = { width: 64, layers: 2, heads: 2, feedForward: 96, vocabulary: 90, sequenceLength: 37 };
    const shape = completeShape({ ...sizes, positions });
    const exact = await computeGradients(openReference(), shape);
    const rounded = await computeGradients(opened.get(backend)!, shape);
    assert.ok(Math.abs(rounded.loss![0]! - exact.loss![0]!) < bound.loss, `${rounded.loss![0]} ${exact.loss![0]}`);
    for (const [name, values] of Object.entries(exact)) {
      let error = 0;
      let size = 0;
      values.forEach((value, i) => {
        error += (rounded[name]![i]! - value) ** 2;
        size += value ** 2;
      });
      // 2^-9 an operand in bf16, 2^-12 in f16; a few roundings in a row on the way back through two layers.
      const relative = Math.sqrt(error / size);
      assert.ok(relative < bound.most, `${name}: ${relative}`);
      // A float32 program would be a hundred times closer.
      if (name === "layers.0.attention.qkv") assert.ok(relative > bound.least, `${name}: ${relative}`);
    }
  });
}

// Whole numbers that bf16 holds, whose sums f32 holds: a product is right to the last bit or wrong.
test("a product of any shape and layout in bf16, behind one of infinities, on cpu", async () => {
  const random = new RandomSequence(4, streams.sampling, 0);
  const draw = (length: number) => Float32Array.from({ length }, () => random.below(17) - 8);
  const shapes = productSizes.flatMap(([m, n, k]) => [0, 1, 2, 3].map(layout => ({ m, n, k, layout })));
  const outputs: Record<string, Tensor> = {};
  const given: Record<string, Float32Array> = { x: new Float32Array(400 * 600).fill(Number.POSITIVE_INFINITY) };
  const endless = input("x", [400, 600], "f32");
  outputs.first = matmul(endless, transpose(endless));
  shapes.forEach(({ m, n, k, layout }, i) => {
    const [aTurned, bTurned] = [(layout & 1) === 1, (layout & 2) === 2];
    given[`a${i}`] = draw(m * k);
    given[`b${i}`] = draw(k * n);
    const a = input(`a${i}`, aTurned ? [k, m] : [m, k], "f32");
    const b = input(`b${i}`, bTurned ? [n, k] : [k, n], "f32");
    outputs[`c${i}`] = matmul(aTurned ? transpose(a) : a, bTurned ? transpose(b) : b);
  });
  const got = await (await opened.get("cpu")!.load({ outputs, updates: {} }, new Map())).run(given);
  shapes.forEach(({ m, n, k, layout }, i) => {
    const [a, b] = [given[`a${i}`]!, given[`b${i}`]!];
    const aOf = (row: number, depth: number) => a[(layout & 1) === 1 ? depth * m + row : row * k + depth]!;
    const bOf = (depth: number, column: number) => b[(layout & 2) === 2 ? column * k + depth : depth * n + column]!;
    const wanted = Array.from({ length: m * n }, (_, at) => {
      let sum = 0;
      for (let depth = 0; depth < k; depth++) sum += aOf(Math.floor(at / n), depth) * bOf(depth, at % n);
      return sum;
    });
    assert.deepEqual([...got[`c${i}`]!], wanted, `${m} × ${k} by ${k} × ${n}, layout ${layout}`);
  });
});

// Tiles write such a result past the caches, but for the squares that end at its last rows and columns.
test("a product in bf16 whose result is larger than caches, on cpu", async () => {
  const [m, n, k] = [2100, 4016, 40];
  const random = new RandomSequence(5, streams.sampling, 0);
  const draw = (length: number) => Float32Array.from({ length }, () => random.below(17) - 8);
  const [a, b] = [draw(m * k), draw(k * n)];
  const product = matmul(input("a", [m, k], "f32"), input("b", [k, n], "f32"));
  const graph = await opened.get("cpu")!.load({ outputs: { product }, updates: {} }, new Map());
  const got = (await graph.run({ a, b })).product!;
  for (let row = 0; row < m; row += row < m - 40 ? 61 : 1) {
    const wanted = new Float32Array(n);
    for (let depth = 0; depth < k; depth++)
      for (let column = 0; column < n; column++) wanted[column]! += a[row * k + depth]! * b[depth * n + column]!;
    assert.deepEqual([...got.subarray(row * n, (row + 1) * n)], [...wanted], `row ${row}`);
  }
});

// A thread packs columns once for blocks of rows that follow each other; they are others in another batch, and in the next run.
test("products in bf16 of several blocks of rows, by operands that change from run to run, on cpu", async () => {
  const random = new RandomSequence(6, streams.sampling, 0);
  const draw = (length: number) => Float32Array.from({ length }, () => random.below(17) - 8);
  for (const [batches, m, n, k] of [
    [1, 4100, 40, 24],
    [3, 2100, 40, 24],
    [2, 2100, 1040, 24],
    // Deeper than what is packed at once.
    [1, 2100, 40, 1100],
  ] as const) {
    const product = matmul(input("a", [batches, m, k], "f32"), input("b", [batches, k, n], "f32"));
    const graph = await opened.get("cpu")!.load({ outputs: { product }, updates: {} }, new Map());
    const a = draw(batches * m * k);
    for (let run = 0; run < 4; run++) {
      const b = draw(batches * k * n);
      const got = (await graph.run({ a, b })).product!;
      for (let row = 0; row < batches * m; row += 13) {
        const wanted = new Float32Array(n);
        const first = Math.floor(row / m) * k;
        for (let depth = 0; depth < k; depth++)
          for (let column = 0; column < n; column++)
            wanted[column]! += a[row * k + depth]! * b[(first + depth) * n + column]!;
        assert.deepEqual([...got.subarray(row * n, (row + 1) * n)], [...wanted], `row ${row} of run ${run}`);
      }
    }
  }
});

// Sums of a row wait for the kernel behind the product: of as many columns as a block of half the deepest pass has, and of the deepest one.
test("products in bf16 of the widest blocks, and what is added to them, on cpu", async () => {
  const random = new RandomSequence(7, streams.sampling, 0);
  const draw = (length: number) => Float32Array.from({ length }, () => random.below(17) - 8);
  for (const [m, n, k] of [
    [1400, 1024, 512],
    [200, 1024, 1024],
  ] as const) {
    const sum = add(matmul(input("a", [m, k], "f32"), input("b", [k, n], "f32")), input("c", [m, n], "f32"));
    const graph = await opened.get("cpu")!.load({ outputs: { sum }, updates: {} }, new Map());
    const [a, b, c] = [draw(m * k), draw(k * n), draw(m * n)];
    const got = (await graph.run({ a, b, c })).sum!;
    for (let row = 0; row < m; row += 5) {
      const wanted = c.slice(row * n, (row + 1) * n);
      for (let depth = 0; depth < k; depth++)
        for (let column = 0; column < n; column++) wanted[column]! += a[row * k + depth]! * b[depth * n + column]!;
      assert.deepEqual([...got.subarray(row * n, (row + 1) * n)], [...wanted], `row ${row} of ${m} × ${n} × ${k}`);
    }
  }
});

test("Newton–Schulz in bf16 ends where it ends in float64, of a matrix with one large direction, too", async () => {
  const shape = [2, 64, 160];
  const random = new RandomSequence(3, streams.sampling, 0);
  const x = Float32Array.from({ length: 2 * 64 * 160 }, (_, i) => {
    const large = i < 64 * 160 ? 0 : 3 * Math.sin(Math.floor(i / 160)) * Math.cos(i % 160);
    return large + random.uniform() - 0.5;
  });
  const even = (choice: "jordan" | "polar-express") => orthogonalise(input("x", shape, "f32"), 1, choice);
  const graph = { outputs: { jordan: even("jordan"), polarExpress: even("polar-express") }, updates: {} };
  const expected = await (await openReference().load(graph, new Map())).run({ x });
  const got = await (await opened.get("cpu")!.load(graph, new Map())).run({ x });
  for (const name of ["jordan", "polarExpress"]) {
    for (const matrix of [0, 1]) {
      const part = (values: Iterable<number>) => [...values].slice(matrix * 64 * 160, (matrix + 1) * 64 * 160);
      const [wanted, seen] = [part(expected[name]!), part(got[name]!)];
      const distance = Math.hypot(...wanted.map((value, i) => value - seen[i]!)) / Math.hypot(...wanted);
      assert.ok(distance < 0.08, `${name}, matrix ${matrix}: ${distance} away`);
    }
  }
});

test("Newton–Schulz in bf16 of wide, tall, deep and odd matrices, and of parts side by side", async () => {
  const cases = [
    [2, 64, 96, 1],
    [2, 150, 70, 1],
    [2, 40, 600, 1],
    [2, 600, 40, 1],
    [2, 50, 3 * 45, 3],
    [2, 20, 20, 1],
    [1, 20, 600, 1],
    [1, 900, 30, 1],
  ] as const;
  const random = new RandomSequence(4, streams.sampling, 0);
  const inputs: Record<string, Float32Array> = {};
  const outputs: Record<string, Tensor> = {};
  for (const [i, [matrices, rows, columns, parts]] of cases.entries()) {
    // As small as gradients are: the norm brings them to where the polynomials begin.
    const values = Float32Array.from({ length: matrices * rows * columns }, () => 1e-5 * (random.uniform() - 0.5));
    inputs[`x${i}`] = values;
    outputs[`y${i}`] = orthogonalise(input(`x${i}`, [matrices, rows, columns], "f32"), parts, "polar-express");
  }
  const graph = { outputs, updates: {} };
  const expected = await (await openReference().load(graph, new Map())).run(inputs);
  const loaded = await opened.get("cpu")!.load(graph, new Map());
  const got = await loaded.run(inputs);
  assert.deepEqual(await loaded.run(inputs), got);
  for (const [i, shape] of cases.entries()) {
    const [wanted, seen] = [[...expected[`y${i}`]!], [...got[`y${i}`]!]];
    const distance = Math.hypot(...wanted.map((value, n) => value - seen[n]!)) / Math.hypot(...wanted);
    // Iterations on the Gram matrix alone lose most, of wide matrices.
    assert.ok(distance < 0.15, `${shape.join(" × ")}: ${distance} away`);
  }
});
