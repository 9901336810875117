// Arithmetic of symmetric positive matrices (N, n, n), N at a time, in f32 whatever the precision of the model's products: inverse
// roots by a coupled Newton iteration, orthogonal columns by Gram–Schmidt.

import {
  add,
  cast,
  concat,
  equal,
  exactMatmul,
  iota,
  maximum,
  multiply,
  reshape,
  rsqrt,
  slice,
  sqrt,
  subtract,
  sum,
  transpose,
} from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** (1, n, n). */
export function identity(n: number): Tensor {
  const isDiagonal = equal(reshape(iota(n), [1, n, 1]), reshape(iota(n), [1, 1, n]));
  return cast(isDiagonal, "f32");
}

/** √ of the sum of squares of each matrix, (N, 1, 1). */
export const normOfEach = (x: Tensor) => sqrt(sum(multiply(x, x), [1, 2]));

/** Each with `share` of its norm added to its diagonal, so that none is singular. */
export function addRidge(x: Tensor, share: number): Tensor {
  return add(x, multiply(identity(x.shape[1]!), maximum(multiply(normOfEach(x), share), 1e-30)));
}

/** A factor of e in condition takes about one iteration, and the last ones are quadratic. */
const rootIterations = 25;

/** x^(-1/4), by the coupled Newton iteration (Guo & Higham 2006; Anil et al. 2020, algorithm 2). */
export function inverseFourthRoot(x: Tensor): Tensor {
  const unit = identity(x.shape[1]!);
  // (1 + p) / (2 ‖x‖) for p = 4.
  const scale = multiply(rsqrt(sum(multiply(x, x), [1, 2])), 2.5);
  let root = multiply(unit, sqrt(sqrt(scale)));
  let rest = multiply(x, scale);
  for (let i = 0; i < rootIterations; i++) {
    const factor = multiply(subtract(multiply(unit, 5), rest), 0.25);
    const square = exactMatmul(factor, factor);
    root = exactMatmul(root, factor);
    rest = exactMatmul(exactMatmul(square, square), rest);
  }
  return root;
}

/**
 * Orthonormal columns that span what the columns before each span, as the Q of a QR decomposition whose R has a positive diagonal. One
 * step takes the first row of the transpose, and puts it last when it is taken out of the others: the same step n times, and
 * once more for what rounding left.
 */
export function orthonormalise(x: Tensor): Tensor {
  const [, n] = x.shape as [number, number, number];
  let rows = transpose(x);
  for (let i = 0; i < 2 * n; i++) {
    const first = slice(rows, 1, 0, 1); // (N, 1, n)
    const unit = multiply(first, rsqrt(maximum(sum(multiply(first, first), [2]), 1e-30)));
    if (n === 1) return transpose(unit);
    const others = slice(rows, 1, 1, n);
    const shares = sum(multiply(others, unit), [2]); // (N, n - 1, 1)
    rows = concat([subtract(others, multiply(shares, unit)), unit], 1);
  }
  return transpose(rows);
}
