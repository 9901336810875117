// The largest eigenvectors of a symmetric matrix that is only known by its products: by iterations of a subspace (Halko, Martinsson & Tropp
// 2011, arXiv 0909.4061, algorithm 4.4). Tall matrices are Float32Arrays by rows, (rows, columns); what is small is of ml-matrix, in float64.

import { CholeskyDecomposition, EigenvalueDecomposition, inverse, Matrix } from "ml-matrix";
import { RandomSequence, streams } from "../../base/random.ts";

/** A matrix (rows, columns) by rows. */
export interface Tall {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

export interface Factors {
  /** Of the largest size first. */
  readonly eigenvalues: readonly number[];
  /** (rows, count): the eigenvectors, of length 1. */
  readonly vectors: Tall;
}

/** Directions beside those that are asked for, which are less exact than these. */
const spare = 16;
const iterations = 3;

/** The `count` eigenvalues of largest size and their eigenvectors. `multiply` is the product of the matrix (rows, rows) with a tall one. */
export function findFactors(multiply: (tall: Tall) => Tall, rows: number, count: number, seed: number): Factors {
  const columns = Math.min(rows, count + spare);
  let basis = orthonormalise(drawTall(rows, columns, seed));
  for (let i = 0; i < iterations; i++) basis = orthonormalise(multiply(basis));
  const small = multiplyTransposed(basis, multiply(basis));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    Matrix.add(small, small.transpose()).mul(0.5),
    { assumeSymmetric: true },
  );
  const order = realEigenvalues
    .map((_, i) => i)
    .sort((a, b) => Math.abs(realEigenvalues[b]!) - Math.abs(realEigenvalues[a]!));
  const largest = order.slice(0, count);
  return {
    eigenvalues: largest.map(i => realEigenvalues[i]!),
    vectors: multiplyRight(basis, eigenvectorMatrix.subMatrixColumn(largest)),
  };
}

function drawTall(rows: number, columns: number, seed: number): Tall {
  const random = new RandomSequence(seed, streams.cooccurrence, 0);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < values.length; i += 2) values.set(random.normalPair().slice(0, values.length - i), i);
  return { rows, columns, values };
}

/** An orthonormal basis of its columns, by the Cholesky factor of their products; twice, for the digits' sake. */
function orthonormalise(tall: Tall): Tall {
  const once = (a: Tall) => {
    const products = multiplyTransposed(a, a);
    // A column that depends on others, or is 0, must not end the factorisation.
    const least = 1e-12 * products.trace() || 1;
    for (let i = 0; i < a.columns; i++) products.set(i, i, products.get(i, i) + least);
    return multiplyRight(a, inverse(new CholeskyDecomposition(products).lowerTriangularMatrix).transpose());
  };
  return once(once(tall));
}

/** aᵀ b, (a.columns, b.columns), weighted by row where weights are given. */
export function multiplyTransposed(a: Tall, b: Tall, weights?: Float64Array): Matrix {
  const sums = Array.from({ length: a.columns }, () => new Float64Array(b.columns));
  for (let row = 0; row < a.rows; row++) {
    const [fromA, fromB, weight] = [row * a.columns, row * b.columns, weights?.[row] ?? 1];
    for (let i = 0; i < a.columns; i++) {
      const value = a.values[fromA + i]! * weight;
      const sum = sums[i]!;
      for (let j = 0; j < b.columns; j++) sum[j]! += value * b.values[fromB + j]!;
    }
  }
  return new Matrix(sums.map(sum => [...sum]));
}

/** a · m, (a.rows, m.columns). */
export function multiplyRight(a: Tall, m: Matrix): Tall {
  const columns = m.columns;
  const factors = Float64Array.from(m.to1DArray());
  const values = new Float32Array(a.rows * columns);
  const sum = new Float64Array(columns);
  for (let row = 0; row < a.rows; row++) {
    sum.fill(0);
    for (let i = 0; i < a.columns; i++) {
      const value = a.values[row * a.columns + i]!;
      const from = i * columns;
      for (let j = 0; j < columns; j++) sum[j]! += value * factors[from + j]!;
    }
    values.set(sum, row * columns);
  }
  return { rows: a.rows, columns, values };
}
