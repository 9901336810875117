// The attention kernels for NVIDIA devices against the reference backend, on the emulated device: tensor cores and the plain
// path, lengths, sequences that no tile divides, every order of threads.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { compositeKernels } from "../../src/backends/cuda/composites.ts";
import type { CudaDriver } from "../../src/backends/cuda/driver/driver.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { emitModule } from "../../src/backends/cuda/load-program.ts";
import { decodeValues, encodeValues, makeStorage } from "../../src/backends/host-values.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { DType, Precision, Shape } from "../../src/graph/tensor.ts";
import { attention, type HeadLayout } from "../../src/nn/attention.ts";
import { emulatorAbsent, openEmulatedDriver, type ThreadOrder } from "../cuda-emulator/emulated-driver.ts";

const skip = emulatorAbsent ?? false;
const reference = openReference();
const opened: CudaDriver[] = [];
after(() => {
  for (const driver of opened) driver.close();
});

interface Case {
  readonly layout: HeadLayout;
  readonly lengths?: readonly number[];
  readonly operands: Precision;
  readonly result?: Precision;
  readonly computeCapability?: number;
  readonly order?: ThreadOrder;
}

const storageTypes = { f32: "float", bf16: "bf16", f16: "f16", i32: "int32_t" } as const;

function drawNumbers(count: number, stream: number, dtype: Precision): Float32Array {
  const random = new RandomSequence(7, streams.initialisation, stream);
  const stored = makeStorage(count, dtype);
  stored.set(
    encodeValues(
      Float32Array.from({ length: count }, () => random.normalPair()[0]),
      dtype,
    ) as Uint16Array,
  );
  return decodeValues(stored, dtype) as Float32Array;
}

/** Runs the kernel of a composite on these inputs. */
async function runKernel(
  name: string,
  { layout, operands: dtype, result = dtype, computeCapability = 90, order = "ascending" }: Case,
  inputs: readonly { readonly values: Float32Array | Int32Array; readonly shape: Shape }[],
  shape: Shape,
): Promise<Float32Array> {
  const driver = await openEmulatedDriver({ computeCapability, order });
  opened.push(driver);
  const kernel = compositeKernels(dtype, figuresOf(computeCapability))(name, { ...layout })!;
  const dtypes: (Precision | "i32")[] = inputs.map(({ values }) => (values instanceof Int32Array ? "i32" : dtype));
  const tensor = (at: number, of: Shape, type: DType) => g.input(`x${at}`, of, type);
  const call = kernel.emitCall(
    inputs.map((input, i) => tensor(i, input.shape, dtypes[i]!)),
    tensor(inputs.length, shape, result),
  );
  const parameters = [
    ...dtypes.map((type, i) => `const ${storageTypes[type]} *a${i}`),
    `${storageTypes[result]} *a${inputs.length}`,
  ];
  const head = `extern "C" __global__ void __launch_bounds__(${kernel.threads}, ${kernel.residentBlocks}) kernel_0(${parameters.join(", ")})`;
  const module = await driver.loadModule(emitModule([`${head} {\n  ${call}\n}\n`], dtype));
  const place = (values: NodeJS.TypedArray) => {
    const address = driver.allocate(values.byteLength);
    driver.copyIn(address, values);
    return address;
  };
  const addresses = inputs.map(({ values }) =>
    place(values instanceof Float32Array ? encodeValues(values, dtype) : values),
  );
  const count = shape.reduce((product, size) => product * size, 1);
  const raw = makeStorage(count, result);
  raw.fill(result === "f32" ? Number.NaN : 0x7fff);
  const out = place(raw);
  driver.launch(module.kernel("kernel_0"), kernel.blocks, kernel.threads!, kernel.sharedBytes!, [...addresses, out]);
  await driver.copyOut(raw, out);
  return decodeValues(raw, result) as Float32Array;
}

/** Largest difference relative to 1 + the largest expected value; a NaN is infinitely far. */
function largestError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const scale = 1 + Math.max(...Array.from(expected, Math.abs));
  return Array.from(expected, (value, i) => Math.abs(got[i]! - value) / scale).reduce(
    (worst, error) => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error)),
    0,
  );
}

/** The errors of result and gradient against the reference. */
async function compare(given: Case): Promise<{ forward: number; backward: number }> {
  const { batch, length, heads, headWidth } = given.layout;
  const [qkvShape, outShape] = [
    [batch * length, 3 * heads * headWidth],
    [batch * length, heads * headWidth],
  ] as const;
  const qkv = drawNumbers(qkvShape[0] * qkvShape[1], 1, given.operands);
  const dout = drawNumbers(outShape[0] * outShape[1], 2, given.operands);
  const lengths = given.lengths === undefined ? undefined : Int32Array.from(given.lengths);

  const x = g.input("qkv", qkvShape, "f32");
  const result = attention(x, given.layout, lengths === undefined ? undefined : g.input("lengths", [batch], "i32"));
  const loss = g.sum(g.multiply(result, g.input("dout", outShape, "f32")), [0, 1]);
  const graph = { outputs: { result, gradient: differentiate(loss, [x])[0]! }, updates: {} };
  const expected = await (await reference.load(graph, new Map())).run({ qkv, dout, ...(lengths && { lengths }) });

  const tail = lengths === undefined ? [] : [{ values: lengths, shape: [batch] }];
  const operand = { values: qkv, shape: qkvShape };
  const forward = await runKernel("attention", given, [operand, ...tail], outShape);
  const inputs = [operand, { values: dout, shape: outShape }, ...tail];
  const backward = await runKernel("attentionGradient", given, inputs, qkvShape);
  return { forward: largestError(forward, expected.result!), backward: largestError(backward, expected.gradient!) };
}

const layout = (batch: number, length: number, heads: number, headWidth: number) => ({
  batch,
  length,
  heads,
  headWidth,
});
/** Below, at and above the tiles of either path; the last of each is long enough for several. */
const cases: readonly Pick<Case, "layout" | "lengths">[] = [
  { layout: layout(1, 128, 2, 64) },
  { layout: layout(2, 1, 1, 16) },
  { layout: layout(2, 12, 1, 32) },
  { layout: layout(1, 33, 3, 16) },
  { layout: layout(2, 100, 2, 64), lengths: [100, 37] },
  { layout: layout(3, 64, 1, 128), lengths: [1, 64, 16] },
  { layout: layout(1, 80, 1, 96) },
  { layout: layout(2, 200, 1, 64), lengths: [130, 128] },
  { layout: layout(1, 290, 1, 128) },
];

// P and dS are rounded (to 2^-9 of each in bf16, 2^-12 in f16), and so is the result where it is narrow.
const tolerances = { f32: 2e-6, bf16: 4e-3, f16: 5e-4 };
const orders = ["ascending", "descending", "random"] as const;

const describe = ({ layout: { batch, length, heads, headWidth }, lengths }: Pick<Case, "layout" | "lengths">) =>
  `${batch} × ${length}, ${heads} heads of ${headWidth}${lengths === undefined ? "" : `, lengths ${lengths.join(", ")}`}`;

for (const [i, given] of cases.entries()) {
  const order = orders[i % orders.length]!;
  const paths: readonly (readonly [string, Omit<Case, "layout">])[] = [
    ["tensor cores", { operands: "bf16" }],
    // The plain path has one way of cutting for all; in bf16 it differs by its roundings alone.
    ...(i % 2 === 0 ? [["plain, f32", { operands: "f32" }] as const] : []),
    ...(i === 4 ? [["plain, bf16", { operands: "bf16", computeCapability: 75 }] as const] : []),
    // Tensor cores of 7.5 multiply half as deep, and tiles are copied by hand.
    ...(i === 5 || i === 7 ? [["f16 on 7.5", { operands: "f16", computeCapability: 75 }] as const] : []),
    ...(i === 4 ? [["f16 on 8.0", { operands: "f16", computeCapability: 80 }] as const] : []),
  ];
  for (const [name, path] of paths) {
    test(`${name}: ${describe(given)}`, { skip }, async () => {
      const { forward, backward } = await compare({ ...given, ...path, order });
      assert.ok(forward < tolerances[path.operands], `forward: error ${forward}`);
      assert.ok(backward < tolerances[path.operands], `backward: error ${backward}`);
    });
  }
}

test("bf16 operands, a result of f32: only P and dS are rounded", {
  skip,
}, async () => {
  for (const computeCapability of [75, 80]) {
    const { forward, backward } = await compare({
      layout: layout(1, 90, 2, 48),
      operands: "bf16",
      result: "f32",
      computeCapability,
    });
    assert.ok(forward < 1e-3, `forward: error ${forward}`);
    assert.ok(backward < 2e-3, `backward: error ${backward}`);
  }
});

test("where shared memory holds one thread block of a whole sequence, it is taken in parts", {
  skip,
}, async () => {
  const given = { layout: layout(1, 128, 2, 64), operands: "bf16", computeCapability: 86 } as const;
  assert.equal(compositeKernels("bf16", figuresOf(86))("attention", given.layout)!.blocks, 4);
  assert.equal(compositeKernels("bf16", figuresOf(80))("attention", given.layout)!.blocks, 2);
  // Backward, two thread blocks fit on a multiprocessor of 100 KB.
  assert.ok(2 * compositeKernels("bf16", figuresOf(86))("attentionGradient", given.layout)!.sharedBytes! <= 100 * 1024);
  const { forward, backward } = await compare(given);
  assert.ok(forward < tolerances.bf16 && backward < tolerances.bf16, `errors ${forward}, ${backward}`);
});

test("backward is one pass where a multiprocessor holds two heads with P, and two passes agree with it", {
  skip,
}, async () => {
  const given = { layout: layout(2, 104, 1, 32), lengths: [104, 70], operands: "bf16" } as const;
  const find = (capability: number, headWidth: number) =>
    compositeKernels("bf16", figuresOf(capability))("attentionGradient", { ...given.layout, headWidth })!;
  assert.deepEqual(
    [find(90, 64), find(90, 16), find(80, 64), find(86, 32)].map(({ threads }) => threads),
    [256, 256, 128, 128],
  );
  for (const computeCapability of [90, 80]) {
    const { backward } = await compare({ ...given, computeCapability, order: "random" });
    assert.ok(backward < tolerances.bf16, `${computeCapability}: error ${backward}`);
  }
});

test("a width that tensor cores do not take", { skip }, async () => {
  for (const operands of ["bf16", "f16"] as const) {
    const { forward, backward } = await compare({ layout: layout(1, 20, 2, 6), operands });
    assert.ok(Math.max(forward, backward) < tolerances[operands], `${operands}: errors ${forward}, ${backward}`);
  }
});

test("the same bits in every order of threads", { skip }, async () => {
  for (const [operands, given] of [
    ["bf16", layout(1, 128, 2, 64)],
    ["f32", layout(1, 80, 1, 96)],
  ] as const) {
    const { batch, length, heads, headWidth } = given;
    const [rows, columns] = [batch * length, heads * headWidth];
    const qkv = { values: drawNumbers(rows * 3 * columns, 1, operands), shape: [rows, 3 * columns] };
    const dout = { values: drawNumbers(rows * columns, 2, operands), shape: [rows, columns] };
    const results = [];
    for (const order of orders) {
      const forward = await runKernel("attention", { layout: given, operands, order }, [qkv], dout.shape);
      const backward = await runKernel("attentionGradient", { layout: given, operands, order }, [qkv, dout], qkv.shape);
      results.push([...forward, ...backward]);
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual(results[2], results[0]);
  }
});

test("no kernel for what is longer or wider than the templates are written for", () => {
  const find = compositeKernels("bf16", figuresOf(90));
  assert.equal(find("attention", layout(1, 513, 1, 64)), undefined);
  assert.equal(find("attention", layout(1, 128, 1, 144)), undefined);
  assert.equal(find("softmax", layout(1, 128, 1, 64)), undefined);
});
