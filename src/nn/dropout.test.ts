import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { openReference } from "../backends/reference/reference.ts";
import { differentiate } from "../graph/gradient.ts";
import { add, input, multiply, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { applyDropout } from "./dropout.ts";

const rate = 0.3;
const rows = 200;
const columns = 100;
const count = rows * columns;
const shape = [rows, columns];

const backends: Record<string, Backend> = {};
before(async () => {
  backends.reference = openReference();
  backends.cpu = await openCpu({ threads: 2 });
});
after(() => Promise.all(Object.values(backends).map(backend => backend.close())));

const seed = input("seed", [1], "u32");
const drop = (x: Tensor, application = 0) => applyDropout(x, { rate, seed }, application);

async function run(backend: string, outputs: Record<string, Tensor>, seedValue = 5): Promise<Record<string, number[]>> {
  const loaded = await backends[backend]!.load({ outputs, updates: {} }, new Map());
  const given = { x: new Float32Array(count).fill(2), seed: Uint32Array.of(seedValue) };
  return Object.fromEntries(Object.entries(await loaded.run(given)).map(([name, values]) => [name, [...values]]));
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

for (const backend of ["reference", "cpu"]) {
  test(`${backend}: the share kept is 1 - rate, and the mean stays`, async () => {
    const { y } = await run(backend, { y: drop(input("x", shape, "f32")) });
    const kept = y!.filter(value => value !== 0);
    const error = Math.sqrt((rate * (1 - rate)) / count); // one standard error of the share
    assert.ok(Math.abs(kept.length / count - (1 - rate)) < 5 * error, `${kept.length} of ${count}`);
    assert.ok(kept.every(value => Math.abs(value - 2 / (1 - rate)) < 1e-6));
    assert.ok(Math.abs(mean(y!) - 2) < (5 * error * 2) / (1 - rate), `mean ${mean(y!)}`);
  });

  test(`${backend}: the gradient passes where the value passed`, async () => {
    const x = input("x", shape, "f32");
    const weights = add(multiply(x, 0), 3);
    const y = drop(x);
    const [gradient] = differentiate(sum(multiply(y, weights), [0, 1]), [x]);
    const got = await run(backend, { y, gradient: gradient! });
    for (const [i, value] of got.y!.entries()) {
      assert.ok(Math.abs(got.gradient![i]! - (3 * value) / 2) < 1e-6, `element ${i}`);
    }
  });

  test(`${backend}: another application and another seed drop others, independently`, async () => {
    const x = input("x", shape, "f32");
    const { first, second } = await run(backend, { first: drop(x), second: drop(x, 1) });
    const { first: later } = await run(backend, { first: drop(x) }, 6);
    for (const other of [second!, later!]) {
      const both = first!.filter((value, i) => value !== 0 && other[i] !== 0).length / count;
      const expected = (1 - rate) ** 2;
      assert.ok(Math.abs(both - expected) < 5 * Math.sqrt((expected * (1 - expected)) / count), `${both}`);
    }
  });
}

test("both backends drop the same elements", async () => {
  const outputs = { y: drop(input("x", shape, "f32"), 7) };
  const dropped = async (backend: string) => (await run(backend, outputs)).y!.map(value => value === 0);
  assert.deepEqual(await dropped("cpu"), await dropped("reference"));
});

test("without dropout, and at rate 0, nothing is added to the graph", () => {
  const x = input("x", shape, "f32");
  assert.equal(applyDropout(x, undefined, 0), x);
  assert.equal(applyDropout(x, { rate: 0, seed }, 0), x);
  assert.throws(() => applyDropout(x, { rate: 1, seed }, 0), /rate of 1/);
});
