// The nearest matrix with orthogonal rows or columns, by odd quintic polynomials of its singular values (Newton–Schulz). Which
// polynomials is the choice: one that is repeated, or a list that is best for a number of iterations.

import { add, divide, matmul, multiply, rsqrt, sqrt, sum, transpose } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** a, b, c of a x + b x³ + c x⁵. */
export type Coefficients = readonly [a: number, b: number, c: number];

/** Grows small singular values fastest; five times (Jordan 2024). */
const jordan: readonly Coefficients[] = new Array(5).fill([3.4445, -4.775, 2.0315]);

/**
 * Each the best after those before it (Amsel et al. 2025, arXiv 2505.16932), as modded-nanogpt computed them: with a safety factor of
 * 2e-2 and a cushion of 2. The paper prints another list, which begins with 8.287.
 */
const polarExpress: readonly Coefficients[] = [
  [8.156554524902461, -22.48329292557795, 15.878769915207462],
  [4.042929935166739, -2.808917465908714, 0.5000178451051316],
  [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
  [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
  [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
];

export type OrthogonaliseChoice = "jordan" | "polar-express" | readonly Coefficients[];

/**
 * A matrix with nearly the singular vectors of `x` and singular values near 1: between about 0.7 and 1.2 with jordan, 0.9 and 1.1
 * with polar-express. (R, C).
 */
export function orthogonalise(x: Tensor, choice: OrthogonaliseChoice = "jordan"): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (rows > columns) return transpose(orthogonalise(transpose(x), choice));
  const squares = sum(multiply(x, x), [0, 1]);
  // Polar Express wants singular values below 1 with certainty.
  const scale =
    choice === "polar-express" ? divide(1, add(multiply(sqrt(squares), 1.02), 1e-6)) : rsqrt(add(squares, 1e-14));
  let y = multiply(x, scale);
  for (const [a, b, c] of choice === "jordan" ? jordan : choice === "polar-express" ? polarExpress : choice) {
    const gram = matmul(y, transpose(y)); // (R, R)
    const polynomial = add(multiply(gram, b), multiply(matmul(gram, gram), c));
    y = add(multiply(y, a), matmul(polynomial, y));
  }
  return y;
}
