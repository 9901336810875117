import assert from "node:assert/strict";
import { test } from "node:test";
import { averageExponentially, clipToRange, pickInRange } from "./shown-points.ts";

function assertNear(values: ArrayLike<number>, expected: readonly number[]): void {
  assert.equal(values.length, expected.length);
  for (const [i, value] of expected.entries()) assert.ok(Math.abs(values[i]! - value) < 1e-12, `${i}: ${values[i]}`);
}

const x = [0, 1, 1.5, 4, 4.25, 9, 20];
const y = [5, 3, 4, 1, 2.5, 2, 7];

test("an exponential mean over uneven distances, by pandas", () => {
  // pandas 3.0.6: Series(y).ewm(halflife=Timedelta("2s"), times=to_datetime(x, unit="s")).mean()
  const expected = [
    5, 3.8284271247461903, 3.8988737998326712, 2.466625029682546, 2.4783108714450783, 2.16983718193055,
    6.839986040571764,
  ];
  const smooth = averageExponentially({ x, y }, at => at / 10, 0.2);
  assert.deepEqual(smooth.x, x);
  assertNear(smooth.y, expected);
});

test("of a constant the mean is the constant from the first point on, and what is not finite is left out", () => {
  const smooth = averageExponentially({ x: [0, 1, 2, 3], y: [7, Number.NaN, 7, 7] }, at => at, 5);
  assert.deepEqual(smooth.x, [0, 2, 3]);
  assertNear(smooth.y, [7, 7, 7]);
});

test("a line is cut where it crosses the ends of the range, by numpy.interp; dots are not", () => {
  const within = clipToRange({ x, y }, [1.25, 6]);
  assert.deepEqual(within.x, [1.25, 1.5, 4, 4.25, 6]);
  assertNear(within.y, [3.5, 4, 1, 2.5, 2.3157894736842106]);
  assert.deepEqual(pickInRange({ x, y }, [1.25, 6]), { x: [1.5, 4, 4.25], y: [4, 1, 2.5] });
  // Between two points there is a piece of line, and beyond the last there is none.
  assert.deepEqual(clipToRange({ x: [0, 10], y: [0, 10] }, [2, 3]), { x: [2, 3], y: [2, 3] });
  assert.deepEqual(clipToRange({ x, y }, [30, 40]), { x: [], y: [] });
  assert.deepEqual(clipToRange({ x, y }, [0, 20]), { x, y });
});

test("points at the ends of a range are shown, once", () => {
  const curve = { x: [0, 1, 2, 3, 4], y: [5, 3, 4, 1, 2] };
  assert.deepEqual(clipToRange(curve, [1, 3]), { x: [1, 2, 3], y: [3, 4, 1] });
  assert.deepEqual(pickInRange(curve, [1, 3]), { x: [1, 2, 3], y: [3, 4, 1] });
  assert.deepEqual(clipToRange(curve, [0.5, 3]), { x: [0.5, 1, 2, 3], y: [4, 3, 4, 1] });
});
