// The emulator itself: small kernels whose results are known by hand, and the mistakes it must not let pass.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { CudaDriver } from "../../src/backends/cuda/driver/driver.ts";
import { emulatorAbsent, openEmulatedDriver, type ThreadOrder } from "./emulated-driver.ts";

const skip = emulatorAbsent ?? false;
const opened: CudaDriver[] = [];
after(() => {
  for (const driver of opened) driver.close();
});

async function open(order: ThreadOrder = "ascending", computeCapability = 90): Promise<CudaDriver> {
  const driver = await openEmulatedDriver({ order, computeCapability });
  opened.push(driver);
  return driver;
}

interface Run {
  readonly driver?: CudaDriver;
  readonly grid?: number;
  readonly threads: number;
  readonly sharedBytes?: number;
  readonly outLength: number;
  readonly inputs?: readonly NodeJS.TypedArray[];
}

/** Runs kernel `k` of the text on (inputs…, out) and gives the f32 numbers of out. */
async function run(
  text: string,
  { driver: given, grid = 1, threads, sharedBytes = 0, outLength, inputs = [] }: Run,
): Promise<number[]> {
  const driver = given ?? (await open());
  const module = await driver.loadModule(text);
  const pointers = inputs.map(values => {
    const address = driver.allocate(values.byteLength);
    driver.copyIn(address, values);
    return address;
  });
  const out = driver.allocate(outLength * 4);
  driver.launch(module.kernel("k"), grid, threads, sharedBytes, [...pointers, out]);
  const values = new Float32Array(outLength);
  await driver.copyOut(values, out);
  return [...values];
}

const range = (count: number, value: (i: number) => number = i => i) =>
  Array.from({ length: count }, (_, i) => value(i));
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const everyOrder: readonly ThreadOrder[] = ["ascending", "descending", "random"];

test("a sum of two vectors over a grid", { skip }, async () => {
  const text = `extern "C" __global__ void __launch_bounds__(64) k(const float *a, const float *b, float *out) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x; // one element a thread
    if (i < 200) out[i] = a[i] + b[i] + 0.001f * gridDim.x;
  }`;
  const inputs = [Float32Array.from(range(200)), Float32Array.from(range(200, i => 2 * i))];
  const got = await run(text, { grid: 4, threads: 64, outLength: 200, inputs });
  assert.deepEqual(
    got,
    range(200, i => Math.fround(3 * i + Math.fround(0.004))),
  );
});

const reduction = (barrier: string) => `extern "C" __global__ void k(const float *x, float *out) {
  __shared__ float part[128];
  part[threadIdx.x] = x[blockIdx.x * 128 + threadIdx.x];
  for (int half = 64; half > 0; half /= 2) {
    ${barrier};
    if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
  }
  if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}`;
const numbers = Float32Array.from(range(384, i => (i * 7) % 31));
const blockSums = range(3, block => sum([...numbers].slice(block * 128, block * 128 + 128)));

test("the sum of a block, in every order of threads; without its barriers only the lucky order is right", {
  skip,
}, async () => {
  for (const order of everyOrder) {
    const shape = { grid: 3, threads: 128, outLength: 3, inputs: [numbers], driver: await open(order) };
    assert.deepEqual(await run(reduction("__syncthreads()"), shape), blockSums);
    const unordered = await run(reduction(""), shape);
    // From the last thread to the first, each finds what it adds already summed.
    if (order === "descending") assert.deepEqual(unordered, blockSums);
    else assert.ok(unordered.every(Number.isNaN), order);
  }
});

test("a missing barrier between reading and writing again shows when the threads run in another order", {
  skip,
}, async () => {
  const shift = (barrier: string) => `extern "C" __global__ void k(float *out) {
    __shared__ float line[64];
    float own = threadIdx.x;
    for (int step = 0; step < 3; step++) {
      line[threadIdx.x] = own;
      __syncthreads();
      own = line[threadIdx.x < 63 ? threadIdx.x + 1 : 63];
      ${barrier};
    }
    out[threadIdx.x] = own;
  }`;
  const expected = range(64, i => Math.min(i + 3, 63));
  for (const order of everyOrder) {
    const shape = { threads: 64, outLength: 64, driver: await open(order) };
    assert.deepEqual(await run(shift("__syncthreads()"), shape), expected);
    const unordered = await run(shift(""), shape);
    if (order === "ascending") assert.deepEqual(unordered, expected);
    else assert.notDeepEqual(unordered, expected, order);
  }
});

test("a warp runs ahead of the others until a barrier holds it, however often its lanes exchange", {
  skip,
}, async () => {
  const swap = (barrier: string) => `extern "C" __global__ void k(float *out) {
    __shared__ float of_warp[2];
    const float first = __shfl_sync(0xffffffffu, (float)threadIdx.x, 0);
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = first + 1;
    ${barrier};
    out[threadIdx.x] = __shfl_sync(0xffffffffu, of_warp[1 - threadIdx.x / 32], 3);
  }`;
  for (const order of everyOrder) {
    const shape = { threads: 64, outLength: 64, driver: await open(order) };
    assert.deepEqual(
      await run(swap("__syncthreads()"), shape),
      range(64, i => (i < 32 ? 33 : 1)),
    );
    assert.ok((await run(swap("__syncwarp()"), shape)).some(Number.isNaN), order);
  }
});

test("shuffles: across, down, up, from one lane, in groups of eight; votes", { skip }, async () => {
  const text = `extern "C" __global__ void k(float *out) {
    const int lane = threadIdx.x % 32;
    float total = threadIdx.x;
    for (int bits = 16; bits > 0; bits /= 2) total += __shfl_xor_sync(0xffffffffu, total, bits);
    float *own = out + threadIdx.x * 6;
    own[0] = total;
    own[1] = __shfl_down_sync(0xffffffffu, (float)lane, 3);
    own[2] = __shfl_up_sync(0xffffffffu, lane, 2u);
    own[3] = __shfl_sync(0xffffffffu, lane, 5);
    own[4] = __shfl_xor_sync(0xffffffffu, lane, 1, 8) + 100 * __shfl_sync(0xffffffffu, lane, 2, 8);
    own[5] = __popc(__ballot_sync(0xffffffffu, lane % 3 == 0));
  }`;
  const got = await run(text, { threads: 64, outLength: 384 });
  range(64).forEach(i => {
    const lane = i % 32;
    const warpSum = sum(range(32, j => i - lane + j));
    const group = lane - (lane % 8);
    const expected = [
      warpSum,
      lane < 29 ? lane + 3 : lane,
      lane < 2 ? lane : lane - 2,
      5,
      (lane ^ 1) + 100 * (group + 2),
      11,
    ];
    assert.deepEqual(got.slice(i * 6, i * 6 + 6), expected, `thread ${i}`);
  });
});

test("atomic additions return the old value and lose nothing", { skip }, async () => {
  const text = `extern "C" __global__ void k(float *out) {
    __shared__ int count;
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    atomicAdd(&count, 2);
    const float old = atomicAdd(out, 1.0f);
    __syncthreads();
    if (threadIdx.x == 0) out[1 + blockIdx.x] = count + (old >= 0.0f);
  }`;
  assert.deepEqual(await run(text, { grid: 2, threads: 96, outLength: 3 }), [192, 193, 193]);
});

const refusals: readonly (readonly [string, string, RegExp])[] = [
  [
    "a barrier that some threads skip",
    "if (threadIdx.x < 7) __syncthreads(); out[0] = 1;",
    /diverged: waits in line 1 .*25 of 32/,
  ],
  [
    "a barrier after some threads left",
    "if (threadIdx.x == 3) return; __syncthreads(); out[0] = 1;",
    /diverged.*1 of 32/,
  ],
  [
    "different barriers",
    "if (threadIdx.x < 7) {\n__syncthreads();\n} else {\n__syncthreads();\n}",
    /diverged: this thread is at the barrier in line 4, others in line 2/,
  ],
  [
    "a shuffle of half a warp",
    "if (threadIdx.x < 16) out[0] = __shfl_sync(0xffffu, 1.0f, 0);",
    /the mask 0000ffff leaves out lanes/,
  ],
  ["a shuffle that some lanes skip", "if (threadIdx.x < 16) out[0] = __shfl_sync(0xffffffffu, 1.0f, 0);", /diverged/],
  [
    "a write behind shared memory",
    "extern __shared__ float s[]; s[16 + threadIdx.x] = 1;",
    /outside the 64 bytes of shared/,
  ],
  ["a write behind an allocation", "out[1] = 1;", /k wrote outside an allocation of 4 bytes/],
  [
    "four floats at once from between two fours",
    "extern __shared__ float s[];\nconst float4 x = *(const float4 *)(s + threadIdx.x); out[0] = x.y;",
    /line 2: .*float4.* at an address that is not a multiple of 16/,
  ],
  [
    "an index beyond an array",
    "__shared__ float s[16];\ns[threadIdx.x] = 1; out[0] = s[0];",
    /line 2: index 16 of 'float \[16\]'/,
  ],
  [
    "a matrix row that is not aligned",
    `extern __shared__ __align__(16) unsigned s[]; unsigned r, t;
     const unsigned a = __cvta_generic_to_shared(s) + 4;
     asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r), "=r"(t) : "r"(a));
     out[0] = r + t;`,
    /ldmatrix: shared address 4 is not a multiple of 16/,
  ],
  [
    "a matrix row outside shared memory",
    `extern __shared__ __align__(16) unsigned s[]; unsigned r, t;
     const unsigned a = __cvta_generic_to_shared(s) + 64;
     asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r), "=r"(t) : "r"(a));
     out[0] = r + t;`,
    /ldmatrix: shared address 64 is outside shared memory/,
  ],
];
for (const [name, body, message] of refusals) {
  test(`refused: ${name}`, { skip }, async () => {
    const text = `extern "C" __global__ void k(float *out) { ${body} }`;
    await assert.rejects(run(text, { threads: 32, sharedBytes: 64, outLength: 1 }), message);
  });
}

test("shared memory that nobody wrote is not a number, in every block", { skip }, async () => {
  const text = `extern "C" __global__ void k(float *out) {
    extern __shared__ float dynamic[];
    __shared__ float fixed[32];
    out[blockIdx.x * 32 + threadIdx.x] = dynamic[threadIdx.x] + fixed[threadIdx.x];
    dynamic[threadIdx.x] = fixed[threadIdx.x] = 1;
  }`;
  const got = await run(text, { grid: 2, threads: 32, sharedBytes: 128, outLength: 64 });
  assert.ok(got.every(Number.isNaN));
});

test("a copy to shared memory has not happened before it was waited for", { skip }, async () => {
  const text = (wait: string) => `extern "C" __global__ void k(const float *x, float *out) {
    __shared__ __align__(16) float s[128];
    const unsigned to = (unsigned)__cvta_generic_to_shared(s + 4 * threadIdx.x);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(to), "l"(x + 4 * threadIdx.x));
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("${wait}" ::: "memory");
    __syncthreads();
    for (int i = 0; i < 4; i++) out[4 * threadIdx.x + i] = s[127 - 4 * threadIdx.x - i];
  }`;
  const shape = { threads: 32, outLength: 128, inputs: [Float32Array.from(range(128))] };
  assert.deepEqual(
    await run(text("cp.async.wait_group 0;"), shape),
    range(128, i => 127 - i),
  );
  assert.ok((await run(text("cp.async.wait_group 1;"), shape)).every(Number.isNaN));
});

/** Numbers that bf16 holds exactly, their products and sums f32. */
const bf16Matrix = (rows: number, columns: number, seed: number) => range(rows * columns, i => ((i * seed) % 17) - 8);
const toBf16 = (values: readonly number[]) =>
  Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), word => word >>> 16);
const multiplyPlainly = (a: readonly number[], b: readonly number[], m: number, n: number, k: number) =>
  range(m * n, at => sum(range(k, d => a[Math.floor(at / n) * k + d]! * b[d * n + (at % n)]!)));

const mmaOf = (loadA: string, loadB: string) => `typedef unsigned short bf16;
extern "C" __global__ void k(const bf16 *a, const bf16 *b, float *out) {
  __shared__ __align__(16) bf16 sa[16 * 16], sb[16 * 8];
  const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  for (int i = lane; i < 256; i += 32) sa[i] = a[i];
  for (int i = lane; i < 128; i += 32) sb[i] = b[i];
  __syncthreads();
  unsigned x[4], y[2];
  float d[4] = {1, 1, 1, 1};
  ${loadA}
  ${loadB}
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
  out[g * 8 + 2 * t] = d[0];
  out[g * 8 + 2 * t + 1] = d[1];
  out[(g + 8) * 8 + 2 * t] = d[2];
  out[(g + 8) * 8 + 2 * t + 1] = d[3];
}`;
const elementwiseA = `for (int r = 0; r < 4; r++) {
    const int row = g + 8 * (r & 1), column = 2 * t + 8 * (r >> 1);
    x[r] = sa[row * 16 + column] | (unsigned)sa[row * 16 + column + 1] << 16;
  }`;
const elementwiseB = `for (int r = 0; r < 2; r++) {
    const int row = 2 * t + 8 * r;
    y[r] = sb[row * 8 + g] | (unsigned)sb[(row + 1) * 8 + g] << 16;
  }`;
const loadedA = `const unsigned at = (unsigned)__cvta_generic_to_shared(sa + lane % 16 * 16 + lane / 16 * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at));`;
const loadedB = `const unsigned bt = (unsigned)__cvta_generic_to_shared(sb + lane % 16 * 8);
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(y[0]), "=r"(y[1]) : "r"(bt));`;

test("mma on fragments loaded element by element, and by ldmatrix", { skip }, async () => {
  const [a, b] = [bf16Matrix(16, 16, 5), bf16Matrix(16, 8, 7)];
  const expected = multiplyPlainly(a, b, 16, 8, 16).map(value => value + 1);
  const shape = { threads: 32, outLength: 128, inputs: [toBf16(a), toBf16(b)] };
  assert.deepEqual(await run(mmaOf(elementwiseA, elementwiseB), shape), expected);
  assert.deepEqual(await run(mmaOf(loadedA, loadedB), shape), expected);
});

test("PTX rounds pairs to bf16 with the first source in the upper half", { skip }, async () => {
  const text = `extern "C" __global__ void k(float *out) {
    unsigned pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(1.00390625f), "f"(3.01171875f)); // both lie halfway
    out[0] = __uint_as_float(pair & 0xffff0000u);
    out[1] = __uint_as_float(pair << 16);
  }`;
  assert.deepEqual(await run(text, { threads: 1, outLength: 2 }), [1, 3.015625]);
});

test("a product of the library: transposed, batched, accumulated, rounded", { skip }, async () => {
  const driver = await open();
  const [batches, m, n, k] = [2, 3, 4, 5];
  const a = bf16Matrix(batches * k, m + 1, 3); // stored (k, m), rows of m + 1
  const b = bf16Matrix(batches * k, n, 11);
  const place = (values: NodeJS.TypedArray) => {
    const address = driver.allocate(values.byteLength);
    driver.copyIn(address, values);
    return address;
  };
  const [aAt, bAt, out] = [place(Float32Array.from(a)), place(toBf16(b)), driver.allocate(batches * m * n * 4)];
  const product = {
    batches,
    m,
    n,
    k,
    a: { dtype: "f32", offset: 1, row: 1, column: m + 1, batch: k * (m + 1) },
    b: { dtype: "bf16", offset: 0, row: n, column: 1, batch: k * n },
    outDtype: "f32",
    accumulates: true,
  } as const;
  const graph = driver.capture(() => driver.multiply(product, aAt, bAt, out));
  driver.replay(graph);
  driver.replay(graph);
  const got = new Float32Array(batches * m * n);
  await driver.copyOut(got, out);
  const expected = range(batches).flatMap(batch => {
    const left = range(m * k, at => a[1 + batch * k * (m + 1) + (at % k) * (m + 1) + Math.floor(at / k)]!);
    return multiplyPlainly(left, b.slice(batch * k * n, (batch + 1) * k * n), m, n, k);
  });
  assert.deepEqual(
    [...got],
    expected.map(value => 2 * value),
  );
  driver.multiply({ ...product, outDtype: "bf16", accumulates: false }, aAt, bAt, out);
  const rounded = new Uint16Array(batches * m * n);
  driver.copyOutNow(rounded, out);
  assert.deepEqual([...rounded], [...toBf16(expected)]);
});

test("memory: zero-filled, refused when it does not fit", { skip }, async () => {
  const driver = await openEmulatedDriver({ memoryBytes: 1000 });
  opened.push(driver);
  const address = driver.allocate(600);
  const values = new Uint8Array(600).fill(9);
  driver.copyOutNow(values, address);
  assert.ok(values.every(value => value === 0));
  assert.throws(() => driver.allocate(600), { code: "E_CUDA_MEMORY", message: /600 bytes do not fit: 400 of 1000/ });
  driver.free(address);
  driver.allocate(600);
});
