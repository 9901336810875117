// Any indices, many of them equal: the rows of a step are each there once, what fills them up is touched by none, and a compact gradient has
// the rows of the whole one.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openReference } from "../backends/reference/reference.ts";
import { add, input, matmul, scatterAdd } from "../graph/operations.ts";
import { compactGradient, listTouched } from "./lazy-rows.ts";

const someIndices = fc
  .integer({ min: 1, max: 40 })
  .chain(vocabulary =>
    fc.tuple(
      fc.constant(vocabulary),
      fc.array(fc.array(fc.nat(vocabulary - 1), { maxLength: 30 }), { minLength: 1, maxLength: 3 }),
      fc.nat(10),
    ),
  );

test("rows of a step are each there once, the touched ones first, and all places are of them", () => {
  fc.assert(
    fc.property(someIndices, ([vocabulary, some, more]) => {
      const touched = [...new Set(some.flat())].sort((a, b) => a - b);
      const most = Math.min(vocabulary, touched.length + more);
      const { touchedRows, touchedPlaces, touchedCount } = listTouched(some, vocabulary, most);
      assert.deepEqual([...touchedCount!], [touched.length]);
      assert.deepEqual([...touchedRows!.slice(0, touched.length)], touched);
      assert.equal(touchedRows!.length, most);
      assert.equal(new Set(touchedRows).size, most);
      assert.ok(touchedRows!.every(row => row >= 0 && row < vocabulary));
      assert.equal(touchedPlaces!.length, vocabulary);
      for (const [place, row] of touched.entries()) assert.equal(touchedPlaces![row], place);
    }),
  );
});

test("a compact gradient has the rows of the whole one, and zeros behind them", async () => {
  const backend = openReference();
  await fc.assert(
    fc.asyncProperty(someIndices, async ([vocabulary, some, more]) => {
      const filled = some.filter(indices => indices.length > 0);
      fc.pre(filled.length > 0);
      const parts = filled.map((indices, n) => {
        const values = input(`values${n}`, [indices.length, 2], "f32");
        return scatterAdd(values, input(`at${n}`, [indices.length], "i32"), vocabulary);
      });
      const whole = parts.reduce((sum, part) => add(sum, part));
      const most = Math.min(vocabulary, new Set(filled.flat()).size + more);
      const compact = compactGradient(whole, { most, readBy: filled.map((_, n) => `at${n}`) });
      const given = filled.flatMap((indices, n) => [
        [`at${n}`, Int32Array.from(indices)] as const,
        [`values${n}`, Float32Array.from({ length: 2 * indices.length }, (_, i) => (i + 1) / (n + 2))] as const,
      ]);
      const touched = listTouched(filled, vocabulary, most);
      const graph = { outputs: { whole, compact }, updates: {} };
      const result = await (await backend.load(graph, new Map())).run({ ...Object.fromEntries(given), ...touched });
      const rows = [...touched.touchedRows!];
      assert.deepEqual(
        [...result.compact!],
        rows.flatMap(row => [...result.whole!.slice(2 * row, 2 * row + 2)]),
      );
    }),
    { numRuns: 60 },
  );
});

test("a table that something else reads than inputs that say which rows has no compact gradient", () => {
  const product = matmul(input("a", [8, 3], "f32"), input("b", [3, 2], "f32"));
  const lazy = { most: 4, readBy: ["at"] };
  assert.throws(() => compactGradient(product, lazy), /embedding\.word: which rows .* matmul/);
  const scattered = scatterAdd(input("a", [8, 3], "f32"), input("other", [8], "i32"), 20);
  assert.throws(() => compactGradient(scattered, lazy), /which rows .* scatterAdd/);
});
