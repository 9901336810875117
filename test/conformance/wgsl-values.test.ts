// What WGSL means, where a parser alone would pass anything: kernels of elements run in an interpreter of the language, and what it does
// not have, whole numbers of 32 bits and threads that exchange values, is read as JavaScript.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WgslExec, WgslParser } from "wgsl_reflect/wgsl_reflect.module.js";
import { philox } from "../../src/base/random.ts";
import { compileGraph } from "../../src/compiler/compile.ts";
import { emitWgslKernel } from "../../src/compiler/emitters/emit-wgsl.ts";
import { cudaTarget } from "../../src/compiler/targets/cuda-target.ts";
import { commonGpu } from "../../src/compiler/targets/gpu-device.ts";
import * as g from "../../src/graph/operations.ts";
import type { Tensor } from "../../src/graph/tensor.ts";

const webGpu = { ...commonGpu, mostThreads: 256, mostChunk: 1 };

/** The module of the one kernel of a tensor, and its bindings. */
function emitOne(y: Tensor) {
  const emitted: ReturnType<typeof emitWgslKernel>[] = [];
  compileGraph({ outputs: { y }, updates: {} }, cudaTarget(webGpu), {
    ...{ threads: 1, precision: "f32" },
    inspectKernel: (kernel, stage) => {
      if (stage === "hoisted") emitted.push(emitWgslKernel({ ...kernel, threads: kernel.threads! }, webGpu));
    },
  });
  assert.equal(emitted.length, 1);
  return { ...emitted[0]!, source: emitted[0]!.source.replaceAll(/\bblock\b/g, "own_block") };
}

/** The functions of a module as JavaScript; `whole` ends a whole number, and a thread that waits for others yields. */
function translate(source: string, whole: "" | "n"): string {
  return source
    .replace(/@compute[\s\S]*/, "")
    .replace(/^(enable|diagnostic|@group).*$/gm, "")
    .replace(/var<workgroup> (\w+).*;/g, "const $1 = [];")
    .replace(/: (f32|i32|u32)\b/g, "")
    .replace(/ -> (f32|u32)/g, "")
    .replace(/\bfn (warp|block)_/g, "function* $1_")
    .replace(/\bfn /g, "function ")
    .replace(/\bvar\b/g, "let")
    .replace(/\b(0x[0-9a-f]+|\d+)u\b/g, `$1${whole}`)
    .replace(/\b(\d+\.\d+)f\b/g, "$1")
    .replace(/<u32>/g, "")
    .replace(/(\w+) \+= (vec2\(.*\));/g, "$1 = $1.plus($2);")
    .replace(/\bbits \/= 2/g, "bits >>= 1")
    .replaceAll("workgroupBarrier();", "yield;")
    .replace(/subgroupShuffleXor\((\w+), (\w+)\)/g, "(yield [$1, $2])")
    .replace(/= warp_/g, "= yield* warp_")
    .replace(/\bmax\(/g, "Math.max(");
}

const words = (...values: bigint[]) => {
  const [x, y, z, w] = values.map(value => BigInt.asUintN(32, value));
  const plus = (other: bigint[]): unknown => words(...values.map((value, i) => value + other[i]!));
  return Object.assign([x, y, z, w], { x, y, z, w, plus });
};

test("random bits are Philox's, whose own answers random.ts gives", () => {
  const { source } = emitOne(g.randomBits(g.input("seed", [1], "u32"), 3, [40]));
  const body = `${translate(source, "n")} return { high_product, random_bits };`;
  const { high_product: highProduct, random_bits: randomBits } = new Function("vec2", "vec4", body)(words, words);
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

test("a block's sum and maximum are all its threads', and every thread has them", () => {
  const { source } = emitOne(g.sum(g.input("x", [3, 4000], "f32"), [1]));
  const threads = Number(/@workgroup_size\((\d+)\)/.exec(source)![1]);
  assert.ok(/= block_sum\(\w+, thread\)/.test(source) && threads > 2 * webGpu.warpThreads);
  type Thread = Generator<readonly [number, number] | undefined, number, number | undefined>;
  const functions = new Function(`${translate(source, "")} return { sum: block_sum, max: block_max };`)() as Record<
    string,
    (value: number, thread: number) => Thread
  >;
  const values = Array.from({ length: threads }, (_, i) => ((i * 37) % 101) - 200);
  for (const [name, expected] of [
    ["sum", values.reduce((a, b) => a + b)],
    ["max", Math.max(...values)],
  ] as const) {
    const all = values.map((value, i) => functions[name]!(value, i));
    let states = all.map(thread => thread.next());
    while (!states[0]!.done) {
      const said = states.map(({ value }) => value as readonly [number, number] | undefined);
      // A lane hears the one whose number differs in these bits.
      states = all.map((thread, i) => thread.next(said[i] && said[i ^ said[i][1]]![0]));
    }
    assert.deepEqual(
      states.map(({ value }) => value),
      values.map(() => expected),
      name,
    );
  }
});

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
