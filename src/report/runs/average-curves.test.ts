import assert from "node:assert/strict";
import { test } from "node:test";
import { averageCurves } from "./average-curves.ts";

test("mean and standard deviation over curves, each counting alike, by hand", () => {
  // Of two parts, 0 to 5 and 5 to 10: the first curve has 4 and 2, the second the means 6 and 5 of twice the points.
  const { x, y, band } = averageCurves(
    [
      { x: [2, 10], y: [4, 2] },
      { x: [1, 3, 6, 10], y: [5, 7, 4, 6] },
    ],
    2,
  );
  assert.deepEqual(x, [2, 9]);
  assert.deepEqual(y, [5, 3.5]);
  // The deviation of two values with n - 1 is their distance over the root of 2.
  const deviations = [2 / Math.SQRT2, 3 / Math.SQRT2];
  deviations.forEach((deviation, i) => {
    assert.ok(Math.abs(band!.low[i]! - (y[i]! - deviation)) < 1e-12);
    assert.ok(Math.abs(band!.high[i]! - (y[i]! + deviation)) < 1e-12);
  });
});

test("what one of them does not reach is left out, and one curve has no band", () => {
  const long = { x: [1, 2, 3, 4, 5, 6, 7, 8], y: [8, 7, 6, 5, 4, 3, 2, 1] };
  const { x, y } = averageCurves([long, { x: [1, 2, 3, 4], y: [2, 2, 2, 2] }], 4);
  // Parts of one: 0 to 1 has no point, and 3 to 4 has two.
  assert.deepEqual(
    [x, y],
    [
      [1, 2, 3.5],
      [5, 4.5, 3.75],
    ],
  );
  assert.equal(averageCurves([long], 4).band, undefined);
  assert.deepEqual(averageCurves([], 4).x, []);
});
