import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { differentiate } from "../graph/gradient.ts";
import { input, multiply, sum } from "../graph/operations.ts";
import { shiftRows } from "./shift.ts";

let cpu: Backend;
before(async () => {
  cpu = await openCpu({ threads: 1 });
});
after(() => cpu.close());

// Two sequences of three rows of one column.
const x = input("x", [6, 1], "f32");
const weights = input("weights", [6, 1], "f32");
const shifted = [
  { offset: -1, rows: [0, 1, 2, 0, 4, 5], gradient: [20, 30, 0, 50, 60, 0] },
  { offset: 1, rows: [2, 3, 0, 5, 6, 0], gradient: [0, 10, 20, 0, 40, 50] },
  { offset: 2, rows: [3, 0, 0, 6, 0, 0], gradient: [0, 0, 10, 0, 0, 40] },
  { offset: -3, rows: [0, 0, 0, 0, 0, 0], gradient: [0, 0, 0, 0, 0, 0] },
];

for (const { offset, rows, gradient } of shifted) {
  test(`rows ${offset} further on in the same sequence, and what goes back to them`, async () => {
    const y = shiftRows(x, 3, offset);
    const [back] = differentiate(sum(multiply(y, weights), [0, 1]), [x]);
    const loaded = await cpu.load({ outputs: { y, back: back! }, updates: {} }, new Map());
    const seen = await loaded.run({
      x: Float32Array.of(1, 2, 3, 4, 5, 6),
      weights: Float32Array.of(10, 20, 30, 40, 50, 60),
    });
    assert.deepEqual([...seen.y!], rows);
    assert.deepEqual([...seen.back!], gradient);
  });
}
