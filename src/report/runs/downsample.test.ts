import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { meanOfColumns, thinToColumns } from "./downsample.ts";

test("in each column the lowest and the highest are kept, in their order", () => {
  const x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const y = [3, 9, 1, 1, 9, 5, 5, 7, 7, 2];
  assert.deepEqual(
    thinToColumns({ x, y }, value => value / 10, 2).map(i => [x[i], y[i]]),
    [
      [1, 9],
      [2, 1],
      [7, 7],
      [9, 2],
    ],
  );
});

test("what is not finite or not on the axis is left out", () => {
  const y = [1, Number.NaN, 5, Number.POSITIVE_INFINITY, 2];
  assert.deepEqual(
    thinToColumns({ x: [0, 1, 2, 3, 4], y }, value => (value - 1) / 4, 1),
    [2, 4],
  );
  assert.deepEqual(
    thinToColumns({ x: [0, 1], y: [1, 1] }, () => Number.NaN, 3),
    [],
  );
});

test("means of columns, by hand", () => {
  const points = { x: [0, 2, 4, 6, 8, 10], y: [1, 3, Number.NaN, 8, 10, 12] };
  assert.deepEqual(
    meanOfColumns(points, value => value / 10, 2),
    { x: [1, 8], y: [2, 10] },
  );
});

test("no column loses its extremes, and a million steps become two points a column", () => {
  const columns = 50;
  const columnOf = (place: number) => Math.min(columns - 1, Math.floor(place * columns));
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 400 }), y => {
      const x = y.map((_, i) => i / y.length);
      const kept = thinToColumns({ x, y }, value => value, columns);
      assert.ok(kept.every((index, i) => i === 0 || index > kept[i - 1]!));
      for (let column = 0; column < columns; column++) {
        const all = y.filter((_, i) => columnOf(x[i]!) === column);
        const drawn = kept.filter(i => columnOf(x[i]!) === column).map(i => y[i]!);
        assert.ok(drawn.length <= 2);
        if (all.length > 0)
          assert.deepEqual([Math.min(...drawn), Math.max(...drawn)], [Math.min(...all), Math.max(...all)]);
      }
    }),
  );
});
