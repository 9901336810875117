import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { estimateLeft, type TimedTraining } from "./time-left.ts";

test("the time that is left is that of the line on which trainings lie, however much of it is arithmetic", () => {
  const ladder = fc.record({
    fixed: fc.double({ min: 0, max: 100, noNaN: true }),
    rate: fc.double({ min: 0, max: 10_000, noNaN: true }),
    weights: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 20 }),
    ended: fc.integer({ min: 2, max: 3 }),
    progress: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(ladder, ({ fixed, rate, weights, ended, progress }) => {
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const all = weights.map((weight): TimedTraining => {
        const share = weight / total;
        return { share, seconds: fixed + rate * share };
      });
      const following = all.slice(ended + 1);
      const left = estimateLeft(all.slice(0, ended), {
        ...{ share: all[ended]!.share, progress, following: following.length },
        followingShare: following.reduce((sum, { share }) => sum + share, 0),
      });
      if (new Set(weights.slice(0, ended)).size === 1) return assert.equal(left, undefined);
      if (left === undefined) return;
      const actual = following.reduce((sum, { seconds }) => sum + seconds, (1 - progress) * all[ended]!.seconds);
      assert.ok(Math.abs(left - actual) <= 1e-6 * (1 + actual), `${left} told, ${actual} left`);
    }),
  );
});

test("times that lie on no line give no time below zero, nor one for fewer than two", () => {
  const standing = { share: 0.3, progress: 0.5, following: 2, followingShare: 0.6 };
  assert.equal(estimateLeft([], standing), undefined);
  assert.equal(estimateLeft([{ share: 0.1, seconds: 9 }], standing), undefined);
  // A small one that took longer: the mean of both each.
  const falling = [
    { share: 0.02, seconds: 9 },
    { share: 0.08, seconds: 7 },
  ];
  assert.equal(estimateLeft(falling, standing), 8 * 2.5);
  // Steeper than through nothing: through nothing, by least squares.
  const steep = [
    { share: 0.02, seconds: 1 },
    { share: 0.08, seconds: 40 },
  ];
  const rate = (0.02 * 1 + 0.08 * 40) / (0.02 ** 2 + 0.08 ** 2);
  assert.ok(Math.abs(estimateLeft(steep, standing)! - rate * (0.5 * 0.3 + 0.6)) < 1e-9);
});
