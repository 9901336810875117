// Draws of whole numbers: each of them, the ends too, as often as any other.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawAtRandom, drawSobol } from "./search-space.ts";

const count = (settings: ReturnType<typeof drawAtRandom>) => {
  const counts = new Map<unknown, number>();
  for (const [[, value]] of settings as [[string, unknown]][]) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

test("whole numbers are equally likely, both ends among them", () => {
  const values = { "model.layers": { from: 2, to: 5, scale: "linear", whole: true } } as const;
  const drawn = count(drawAtRandom({ trials: 4000, seed: 1, values }));
  assert.deepEqual([...drawn.keys()].sort(), [2, 3, 4, 5]);
  // Binomial, six standard deviations.
  for (const [value, times] of drawn) assert.ok(Math.abs(times - 1000) < 165, `${value}: ${times}`);
  // Of 2^k points of Sobol's each quarter of the range has one in four.
  for (const times of count(drawSobol({ trials: 64, seed: 3, values })).values()) assert.equal(times, 16);
});
