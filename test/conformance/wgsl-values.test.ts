// What WGSL means, where a parser alone would pass anything. Kernels of elements run in an interpreter of the language. It has no whole
// numbers of 32 bits and no threads that exchange values, so kernels of rows and columns are read as JavaScript and run there, all threads
// of a workgroup from barrier to barrier.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WgslExec, WgslParser } from "wgsl_reflect/wgsl_reflect.module.js";
import { openReference } from "../../src/backends/reference/reference.ts";
import { philox } from "../../src/base/random.ts";
import { compileGraph } from "../../src/compiler/compile.ts";
import { emitWgslKernel } from "../../src/compiler/emitters/emit-wgsl.ts";
import { cudaTarget } from "../../src/compiler/targets/cuda-target.ts";
import { commonGpu } from "../../src/compiler/targets/gpu-device.ts";
import * as g from "../../src/graph/operations.ts";
import { countElements, type Tensor, type UnaryFunction } from "../../src/graph/tensor.ts";

const webGpu = { ...commonGpu, mostThreads: 256, mostChunk: 1 };

interface Module {
  readonly source: string;
  readonly bindings: readonly Tensor[];
  readonly workgroups: number;
}

/** The modules of a tensor's kernels, in their order. */
function emitAll(y: Tensor): Module[] {
  const emitted: Module[] = [];
  compileGraph({ outputs: { y }, updates: {} }, cudaTarget(webGpu), {
    ...{ threads: 1, precision: "f32" },
    inspectKernel: (kernel, stage) => {
      if (stage !== "hoisted") return;
      const { source, bindings } = emitWgslKernel({ ...kernel, threads: kernel.threads! }, webGpu);
      const workgroups = Math.ceil(kernel.blocks / kernel.grain);
      emitted.push({ bindings, workgroups, source: source.replaceAll(/\bblock\b/g, "own_block") });
    },
  });
  return emitted;
}

function emitOne(y: Tensor): Module {
  const emitted = emitAll(y);
  assert.equal(emitted.length, 1);
  return emitted[0]!;
}

/**
 * A module as the body of a function. Whole numbers are BigInts: their division is that of whole numbers, and who mixes them with
 * others is told. A thread is a generator, which yields at a barrier, and to give a value to another thread.
 */
function translate(source: string): string {
  return source
    .replace(/^(enable|diagnostic|@group|@compute).*$/gm, "")
    .replace(/\bvar(<workgroup>)? (\w+): array<f32, (\d+)>;/g, "const $2 = new Float32Array(Number($3));")
    .replace(/\bvar (\w+): f32;/g, "let $1 = 0.0;")
    .replace(/@builtin\(\w+\) /g, "")
    .replace(/: (f32\b|i32\b|u32\b|bool\b|vec3<u32>)/g, "")
    .replace(/ -> (f32|u32)/g, "")
    .replace(/\bfn (warp_|block_|main)/g, "function* $1")
    .replace(/\bfn /g, "function ")
    .replace(/\bvar\b/g, "let")
    .replace(/\b(\d+\.\d+)f\b/g, "$1")
    .replace(/(?<![.\w])(0x[0-9a-f]+|\d+)u?(?![.\w])/g, "$1n")
    .replace(/<[fu]32>/g, "")
    .replace(/(\w+) \+= (vec2\(.*\));/g, "$1 = $1.plus($2);")
    .replaceAll("workgroupBarrier();", "yield;")
    .replace(/subgroupShuffleXor\((\w+), (\w+)\)/g, "(yield [$1, $2])")
    .replace(/= (warp|block)_(sum|max)\(/g, "= yield* $1_$2(");
}

const words = (...values: bigint[]) => {
  const [x, y, z, w] = values.map(value => BigInt.asUintN(32, value));
  const plus = (other: bigint[]): unknown => words(...values.map((value, i) => value + other[i]!));
  return Object.assign([x, y, z, w], { x, y, z, w, plus });
};

/** What modules call of the language. */
const builtins = {
  ...{ vec2: words, vec4: words },
  ...{ exp: Math.exp, log: Math.log, sqrt: Math.sqrt, max: Math.max, abs: Math.abs, sign: Math.sign },
  ...{ sin: Math.sin, cos: Math.cos, tanh: Math.tanh, inverseSqrt: (x: number) => 1 / Math.sqrt(x) },
  clamp: (x: number, least: number, most: number) => Math.min(Math.max(x, least), most),
  i32: (value: bigint | number) => BigInt.asIntN(32, BigInt(typeof value === "number" ? Math.trunc(value) : value)),
  f32: Number,
  select: <T>(no: T, yes: T, condition: boolean): T => (condition ? yes : no),
  bitcast: (bits: bigint) => new Float32Array(Uint32Array.of(Number(bits)).buffer)[0]!,
};

/** What the functions of a module are, the buffers' names and values given. */
function load<Functions>(
  source: string,
  names: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Functions {
  const all = { ...builtins, ...given };
  return new Function(...Object.keys(all), `${translate(source)}\nreturn { ${names.join(", ")} };`)(
    ...Object.values(all),
  ) as Functions;
}

type Thread = Generator<readonly [value: number, bits: bigint] | undefined, void, number | undefined>;

/** One workgroup, whose threads go from barrier to barrier in this order. */
function runWorkgroup(
  { source }: Module,
  group: number,
  buffers: Readonly<Record<string, unknown>>,
  isReversed: boolean,
) {
  const { main } = load<{ main(group: { x: bigint; y: bigint }, local: bigint): Thread }>(source, ["main"], buffers);
  const count = Number(/@workgroup_size\((\d+)\)/.exec(source)![1]);
  const threads = Array.from({ length: count }, (_, i) => main({ x: BigInt(group), y: 0n }, BigInt(i)));
  const order = [...threads.keys()];
  if (isReversed) order.reverse();
  let states: IteratorResult<Awaited<ReturnType<Thread["next"]>>["value"], void>[] = [];
  let heard: (number | undefined)[] = [];
  do {
    const next: typeof states = [];
    for (const i of order) next[i] = states[i]?.done === true ? states[i] : threads[i]!.next(heard[i]);
    states = next;
    const warpOf = (i: number) => states.slice(i - (i % webGpu.warpThreads)).slice(0, webGpu.warpThreads);
    // A barrier is all threads', an exchange all of a warp's.
    const waits = states.filter(({ done, value }) => done !== true && value === undefined).length;
    assert.ok(waits === 0 || waits === count, "threads wait at a barrier that others do not come to");
    heard = states.map(({ done, value }, i) => {
      if (done === true || value === undefined) return undefined;
      assert.ok(
        warpOf(i).every(lane => lane.done !== true && lane.value !== undefined),
        "a lane exchanges alone",
      );
      return (states[i ^ Number((value as [number, bigint])[1])]!.value as [number, bigint])[0];
    });
  } while (states.some(({ done }) => done !== true));
}

/** What the kernels of y make of its inputs. */
function run(modules: readonly Module[], given: ReadonlyMap<Tensor, Float32Array>, isReversed: boolean): Float32Array {
  const memory = new Map(given);
  for (const module of modules) {
    for (const tensor of module.bindings) {
      if (!memory.has(tensor)) memory.set(tensor, new Float32Array(countElements(tensor.shape)));
    }
    const buffers = Object.fromEntries(module.bindings.map((tensor, i) => [`a${i}`, memory.get(tensor)!]));
    for (let group = 0; group < module.workgroups; group++) runWorkgroup(module, group, buffers, isReversed);
  }
  return memory.get(modules.at(-1)!.bindings.at(-1)!)!;
}

/** Softmax of each row, times the row's greatest value, which softmax alone does not depend on. */
const softmax = (x: Tensor): Tensor => {
  const greatest = g.max(x, [1]);
  const powers = g.exp(g.subtract(x, greatest));
  return g.multiply(g.divide(powers, g.sum(powers, [1])), greatest);
};
/** All that an element's own kernel may call, and what it may call it with. */
const functions: Readonly<Record<Exclude<UnaryFunction, "detach">, (x: Tensor) => Tensor>> = {
  ...{ negate: g.negate, exp: g.exp, sin: g.sin, cos: g.cos, tanh: g.tanh, erf: g.erf },
  log: x => g.log(g.negate(x)),
  sqrt: x => g.sqrt(g.negate(x)),
  rsqrt: x => g.rsqrt(g.negate(x)),
};
const cases: Readonly<
  Record<string, readonly [shape: readonly number[], build: (x: Tensor) => Tensor, needsBarriers: boolean]>
> = {
  "rows of a warp": [[5, 70], softmax, false],
  "rows of a workgroup": [[2, 1500], softmax, true],
  ...Object.fromEntries(Object.entries(functions).map(([name, build]) => [name, [[40], build, false]])),
  columns: [[300, 40], x => g.sqrt(g.sum(g.multiply(x, x), [0])), true],
};

test("random bits are Philox's, whose own answers random.ts gives", () => {
  const { source } = emitOne(g.randomBits(g.input("seed", [1], "u32"), 3, [40]));
  type Word = (...values: bigint[]) => bigint;
  const names = ["high_product", "random_bits"] as const;
  const functions = load<Readonly<Record<(typeof names)[number], Word>>>(source, names, {});
  const { high_product: highProduct, random_bits: randomBits } = functions;
  for (const a of [0n, 1n, 0xffffn, 0x10000n, 0xd2511f53n, 0xffffffffn]) {
    for (const b of [3n, 0xcd9e8d57n, 0xffffffffn]) assert.equal(highProduct(a, b), (a * b) >> 32n);
  }
  // Random123's kat_vectors, philox4x32 10, of nothing but zeros.
  const zeros = [0n, 1n, 2n, 3n].map(index => randomBits(0n, 0n, index));
  assert.deepEqual(zeros, [0x6627e8d5n, 0xe169c58dn, 0xbc57ac4cn, 0x9b00dbd8n]);
  const out = new Uint32Array(4);
  philox([9, 3, 0, 0], [77, 0], out);
  assert.deepEqual(
    [36n, 37n, 38n, 39n].map(index => Number(randomBits(77n, 3n, index))),
    [...out],
  );
});

for (const [name, [shape, build, needsBarriers]] of Object.entries(cases)) {
  test(`${name}: the reference's values, in whatever order threads go, and not without barriers`, async () => {
    const x = g.input("x", shape, "f32");
    const values = Float32Array.from({ length: countElements(shape) }, (_, i) => ((i * 29) % 83) / 16 - 6);
    const y = build(x);
    const loaded = await openReference().load({ outputs: { y }, updates: {} }, new Map());
    const expected = (await loaded.run({ x: values })).y!;
    const modules = emitAll(y);
    const differences = (changed: readonly Module[]) =>
      [false, true].map(isReversed => {
        const found = run(changed, new Map([[x, values]]), isReversed);
        assert.equal(found.length, expected.length);
        return Math.max(
          ...Array.from(expected, (value, i) => (found[i] === value ? 0 : Math.abs(found[i]! / value - 1))),
        );
      });
    for (const difference of differences(modules)) assert.ok(difference < 1e-5, String(difference));
    if (!needsBarriers) return;
    const unordered = modules.map(each => ({ ...each, source: each.source.replaceAll("workgroupBarrier();", "") }));
    assert.ok(differences(unordered).some(difference => !(difference < 1e-5)));
  });
}

test("elements are chosen, converted and written where they belong", () => {
  const x = g.input("x", [6, 7], "f32");
  const turned = g.permute(g.slice(x, 1, 2, 7), [1, 0]);
  const { source, bindings } = emitOne(
    g.select(g.less(turned, 0), g.multiply(turned, 10), g.cast(g.cast(turned, "i32"), "f32")),
  );
  const given = Float32Array.from({ length: 42 }, (_, i) => ((i * 29) % 42) / 4 - 5);
  const y = new Float32Array(30);
  const buffers = bindings.map(tensor => (tensor === x ? given : y));
  new WgslExec(new WgslParser().parse(source)).dispatchWorkgroups("main", 1, { 0: { ...buffers } });
  const expected = Array.from({ length: 30 }, (_, i) => given[7 * (i % 6) + 2 + Math.floor(i / 6)]!).map(value =>
    value < 0 ? 10 * value : Math.trunc(value),
  );
  assert.deepEqual([...y], expected);
});
