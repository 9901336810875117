import assert from "node:assert/strict";
import { test } from "node:test";
import { findFactors, finish, type Tall } from "./factors.ts";

/** (I − 2vvᵀ) D (I − 2vvᵀ), whose eigenvalues are D's and whose eigenvectors are the columns of the reflection. */
const size = 60;
const eigenvalues = Array.from({ length: size }, (_, i) => (i % 3 === 1 ? -1 : 1) * 100 * 0.6 ** i);
const unit = Array.from({ length: size }, (_, i) => Math.sin(i + 1));
const length = Math.hypot(...unit);
const reflection = unit.map((a, i) => unit.map((b, j) => (i === j ? 1 : 0) - (2 * a * b) / length ** 2));
const matrix = reflection.map(row =>
  reflection.map(other => row.reduce((sum, value, k) => sum + value * eigenvalues[k]! * other[k]!, 0)),
);

/** A product at once. */
const at = (make: (tall: Tall) => Tall) =>
  // biome-ignore lint/correctness/useYield: it has no pieces
  function* (tall: Tall) {
    return make(tall);
  };

const multiply = ({ rows, columns, values }: Tall): Tall => ({
  ...{ rows, columns },
  values: Float32Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return matrix[row]!.reduce((sum, value, k) => sum + value * values[k * columns + column]!, 0);
  }),
});

test("eigenvalues of largest size come first, with their signs and vectors", () => {
  const found = finish(findFactors(at(multiply), size, 6, 0));
  found.eigenvalues.forEach((value, i) => {
    assert.ok(Math.abs(value / eigenvalues[i]! - 1) < 1e-4, `${value} for ${eigenvalues[i]}`);
    const product = reflection.reduce((sum, row, k) => sum + row[i]! * found.vectors.values[k * 6 + i]!, 0);
    assert.ok(Math.abs(Math.abs(product) - 1) < 1e-4, `vector ${i}: ${product}`);
  });
});

test("of a matrix with fewer rows than are asked for, all are found; of one that is 0, all are 0", () => {
  const few = (tall: Tall): Tall => ({
    ...tall,
    values: tall.values.map((value, at) => value * (at < tall.columns ? 3 : 1)),
  });
  assert.deepEqual(
    finish(findFactors(at(few), 2, 2, 0)).eigenvalues.map(value => Math.round(value * 1e4) / 1e4),
    [3, 1],
  );
  const none = finish(
    findFactors(
      at(tall => ({ ...tall, values: tall.values.map(() => 0) })),
      8,
      3,
      0,
    ),
  );
  assert.deepEqual(none.eigenvalues.map(Math.abs), [0, 0, 0]);
  assert.ok(none.vectors.values.every(Number.isFinite));
});
