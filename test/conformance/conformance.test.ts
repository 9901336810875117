// The cpu backend against the reference, and what only it has: kernels for attention, threads that programs take turns on.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { attention, queriedAttention } from "../../src/nn/attention.ts";
import { orthogonalise } from "../../src/optim/matrix/orthogonalise.ts";
import { compareBackends, drawInputs, testConformance } from "./backend-conformance.ts";

let cpu: Backend;
before(async () => {
  cpu = await openCpu({ threads: 2 });
});
after(() => cpu.close());

testConformance("cpu", () => cpu, { buildsTogether: true });

test("the attention kernels at lengths and widths around their tiles", async () => {
  for (const [batch, length, heads, headWidth] of [
    [2, 12, 1, 32],
    [1, 33, 3, 6],
    [2, 128, 2, 64],
    [1, 200, 1, 80],
  ] as const) {
    const shape = [batch * length, 3 * heads * headWidth];
    const qkv = g.input("qkv", shape, "f32");
    const result = attention(qkv, { batch, length, heads, headWidth });
    const loss = g.sum(g.multiply(result, g.input("weights", result.shape, "f32")), [0, 1]);
    const outputs = { result, gradient: differentiate(loss, [qkv])[0]! };
    const graph = { outputs, updates: {} };
    const names = (await cpu.load(graph, new Map())).program!.kernels.map(({ name }) => name);
    assert.ok(
      names.some(name => name.startsWith("attention_backward")),
      names.join(" "),
    );
    const error = await compareBackends(cpu, graph, drawInputs({ qkv: shape, weights: result.shape }));
    assert.ok(error < 2e-6, `${length} × ${headWidth}: error ${error}`);
    const asked = [batch * Math.ceil(length / 4), heads * headWidth];
    const queries = g.input("queries", asked, "f32");
    const keyShape = [shape[0]!, 2 * heads * headWidth];
    const kv = g.input("kv", keyShape, "f32");
    const few = queriedAttention(queries, kv, { batch, length, heads, headWidth });
    const fewLoss = g.sum(g.multiply(few, g.input("weights", asked, "f32")), [0, 1]);
    const [ofQueries, ofKeys] = differentiate(fewLoss, [queries, kv]);
    const own = { outputs: { few, ofQueries: ofQueries!, ofKeys: ofKeys! }, updates: {} };
    const fewError = await compareBackends(cpu, own, drawInputs({ queries: asked, kv: keyShape, weights: asked }));
    assert.ok(fewError < 2e-6, `${length} × ${headWidth}, a quarter of the queries: error ${fewError}`);
  }
});

test("the kernel of Newton–Schulz at shapes around its tiles", async () => {
  const cases = [
    [2, 70, 101, 1, "jordan"],
    [1, 40, 3 * 20, 3, "polar-express"],
    [2, 25, 300, 1, "jordan"],
    [2, 130, 33, 1, "polar-express"],
  ] as const;
  const shapes = Object.fromEntries(cases.map(([...shape], i) => [`x${i}`, shape.slice(0, 3) as number[]]));
  const outputs = Object.fromEntries(
    cases.map(([, , , parts, choice], i) => [
      `y${i}`,
      orthogonalise(g.input(`x${i}`, shapes[`x${i}`]!, "f32"), parts, choice),
    ]),
  );
  const { kernels } = (await cpu.load({ outputs, updates: {} }, new Map())).program!;
  assert.ok(kernels.every(({ name }) => name.startsWith("orthogonalise")));
  const error = await compareBackends(cpu, { outputs, updates: {} }, drawInputs(shapes));
  assert.ok(error < 2e-5, `error ${error}`);
});

test("programs of different lengths alternate on the same threads", { timeout: 60_000 }, async () => {
  const x = g.input("x", [4, 4], "f32");
  const short = await cpu.load({ outputs: { y: g.exp(x) }, updates: {} }, new Map());
  const chain = Array.from({ length: 12 }).reduce<Tensor>(y => g.tanh(g.matmul(y, x)), x);
  const long = await cpu.load({ outputs: { y: chain }, updates: {} }, new Map());
  const values = { x: Float32Array.from({ length: 16 }, (_, i) => Math.sin(i)) };
  const expected = [...(await long.run(values)).y!];
  for (let turn = 0; turn < 2000; turn++) {
    await short.run(values);
    assert.deepEqual([...(await long.run(values)).y!], expected, `turn ${turn}`);
  }
});
