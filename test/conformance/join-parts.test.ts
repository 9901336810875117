// Gradients of slices of one tensor meet in one tensor of parts, without zeros that are written and added.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { evaluateNode } from "../../src/backends/reference/evaluate.ts";
import { simplifyGraph } from "../../src/compiler/passes/simplify.ts";
import { cpuTarget } from "../../src/compiler/targets/cpu-target.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import { listRoots, sortTopologically, type Tensor } from "../../src/graph/tensor.ts";

/** Values of `of`, given those of the inputs by name. */
function evaluate(of: Tensor, given: Readonly<Record<string, readonly number[]>>): number[] {
  const values = new Map<Tensor, ReturnType<typeof evaluateNode>>();
  for (const node of sortTopologically([of])) {
    const { operation } = node;
    if (operation.kind === "input") values.set(node, Float64Array.from(given[operation.name]!));
    else
      values.set(
        node,
        evaluateNode(
          node,
          node.inputs.map(operand => values.get(operand)!),
        ),
      );
  }
  return [...values.get(of)!];
}

/** Slices of an axis in any order, with gaps between them or without. */
const pieces = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 2 }), size: fc.integer({ min: 1, max: 4 }) }), {
    minLength: 2,
    maxLength: 5,
  })
  .chain(list => {
    let end = 0;
    const placed = list.map(({ gap, size }) => {
      const from = end + gap;
      end = from + size;
      return { from, to: end };
    });
    return fc.record({
      placed: fc.shuffledSubarray(placed, { minLength: placed.length }),
      width: fc.integer({ min: end, max: end + 2 }),
      axis: fc.constantFrom(0, 1),
    });
  });

test("gradients of slices that do not meet are joined, not added", () => {
  fc.assert(
    fc.property(pieces, ({ placed, width, axis }) => {
      const shapeOf = (size: number) => (axis === 1 ? [3, size] : [size, 3]);
      const x = g.input("x", shapeOf(width), "f32");
      const weights = placed.map(({ from, to }, n) => g.input(`w${n}`, shapeOf(to - from), "f32"));
      const parts = placed.map(({ from, to }, n) => g.sum(g.multiply(g.slice(x, axis, from, to), weights[n]!), [0, 1]));
      const [gradient] = differentiate(
        parts.reduce((sum, part) => g.add(sum, part)),
        [x],
      );
      const { outputs } = simplifyGraph({ outputs: { gradient: gradient! }, updates: {} }, cpuTarget, {});
      const nodes = sortTopologically(listRoots({ outputs, updates: {} }));
      assert.ok(!nodes.some(({ operation }) => operation.kind === "binary" && operation.fn === "add"));

      const expected = Array.from({ length: 3 * width }, () => 0);
      const given: Record<string, number[]> = { x: expected };
      placed.forEach(({ from, to }, n) => {
        const size = to - from;
        given[`w${n}`] = Array.from({ length: 3 * size }, (_, i) => 100 * n + i + 1);
        for (let i = 0; i < 3; i++) {
          for (let at = 0; at < size; at++) {
            const [own, whole] =
              axis === 1 ? [i * size + at, i * width + from + at] : [at * 3 + i, (from + at) * 3 + i];
            expected[whole] = given[`w${n}`]![own]!;
          }
        }
      });
      assert.deepEqual(evaluate(outputs.gradient!, given), expected);
    }),
    { numRuns: 200, seed: 5 },
  );
});

test("what meets is added", () => {
  const x = g.input("x", [2, 6], "f32");
  const [first, second] = [g.slice(x, 1, 0, 4), g.slice(x, 1, 3, 6)];
  const [gradient] = differentiate(g.add(g.sum(first, [0, 1]), g.sum(g.multiply(second, 2), [0, 1])), [x]);
  const { outputs } = simplifyGraph({ outputs: { gradient: gradient! }, updates: {} }, cpuTarget, {});
  const row = [1, 1, 1, 3, 2, 2];
  assert.deepEqual(evaluate(outputs.gradient!, { x: [] }), [...row, ...row]);
});
