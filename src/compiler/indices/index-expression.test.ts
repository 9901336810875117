// Normal forms against plain arithmetic: positions drawn at random are divided, taken modulo and summed as numbers and as
// indices, and the two must agree at every place of the loop.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  combineIndices,
  divideIndex,
  type Index,
  indexKey,
  remainderIndex,
  variableIndex,
} from "./index-expression.ts";

type Places = Readonly<Record<string, number>>;

function evaluate(index: Index, places: Places): number {
  return index.terms.reduce((sum, { atom, factor }) => {
    if (atom.kind === "load") throw new Error("no loads here");
    if (atom.kind === "variable") return sum + factor * places[atom.name]!;
    const of = evaluate(atom.of, places);
    return sum + factor * (atom.kind === "quotient" ? Math.floor(of / atom.by) : of % atom.by);
  }, index.offset);
}

const sizes = fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 2, maxLength: 3 });
const divisors = fc.array(fc.integer({ min: 2, max: 24 }), { minLength: 1, maxLength: 3 });

test("floor and mod of a row-major position are what arithmetic says, at every place", () => {
  fc.assert(
    fc.property(sizes, divisors, fc.integer({ min: 0, max: 7 }), (shape, chain, offset) => {
      let stride = 1;
      const parts = [...shape].reverse().map((size, i) => {
        const part = { index: variableIndex(`i${i}`, size), factor: stride };
        stride *= size;
        return part;
      });
      const flat = combineIndices([...parts, { index: { offset, terms: [] }, factor: 1 }]);
      for (let at = 0; at < stride; at++) {
        let rest = at;
        const places: Record<string, number> = {};
        [...shape].reverse().forEach((size, i) => {
          places[`i${i}`] = rest % size;
          rest = Math.floor(rest / size);
        });
        let index = flat;
        let value = at + offset;
        for (const by of chain) {
          assert.equal(evaluate(remainderIndex(index, by), places), value % by);
          index = divideIndex(index, by);
          value = Math.floor(value / by);
          assert.equal(evaluate(index, places), value);
        }
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("what lies below the unit of a division is left out of it", () => {
  const flat = combineIndices([
    { index: variableIndex("row", 96), factor: 256 },
    { index: variableIndex("c", 256), factor: 1 },
  ]);
  assert.equal(indexKey(divideIndex(flat, 12_288)), "1*(1*row+0/48)+0");
  assert.equal(indexKey(remainderIndex(flat, 12_288)), "256*(1*row+0%48)+1*c+0");
});

test("a quotient and its remainder cancel", () => {
  const flat = combineIndices([
    { index: variableIndex("row", 96), factor: 256 },
    { index: variableIndex("c", 256), factor: 1 },
  ]);
  const back = combineIndices([
    { index: divideIndex(flat, 12_288), factor: 12_288 },
    { index: remainderIndex(flat, 12_288), factor: 1 },
  ]);
  assert.equal(indexKey(back), indexKey(flat));
});

test("heads taken apart and joined again are the row they were", () => {
  const c = variableIndex("c", 768);
  const part = divideIndex(c, 256);
  const head = remainderIndex(divideIndex(c, 64), 4);
  const position = combineIndices([
    { index: part, factor: 256 },
    { index: head, factor: 64 },
    { index: remainderIndex(c, 64), factor: 1 },
  ]);
  assert.equal(indexKey(position), "1*c+0");
});
