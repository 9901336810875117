// The largest eigenvectors of a symmetric matrix that is only known by its products: by iterations of a subspace (Halko, Martinsson & Tropp
// 2011, arXiv 0909.4061, algorithm 4.4). Tall matrices are Float32Arrays by rows, (rows, columns); what is small is of ml-matrix, in float64.
// What may take minutes is a generator, which yields the multiplications that are done since: who runs it may do other things in between.

import { CholeskyDecomposition, EigenvalueDecomposition, inverse, Matrix } from "ml-matrix";
import { RandomSequence, streams } from "../../base/random.ts";

/** A matrix (rows, columns) by rows. */
export interface Tall {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Work in pieces. */
export type Pieces<T> = Generator<number, T, void>;

/** Multiplications between two pieces, a hundredth of a second or so. */
const pieceMultiplications = 1e7;

/** The rows of a matrix, and a yield behind so many that cost a piece. */
export function* eachRow(rows: number, cost: (row: number) => number, see: (row: number) => void): Pieces<void> {
  let done = 0;
  for (let row = 0; row < rows; row++) {
    see(row);
    done += cost(row);
    if (done < pieceMultiplications && row + 1 < rows) continue;
    yield done;
    done = 0;
  }
}

/** All pieces at once. */
export function finish<T>(pieces: Pieces<T>): T {
  for (;;) {
    const { done, value } = pieces.next();
    if (done === true) return value;
  }
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
export function* findFactors(
  multiply: (tall: Tall) => Pieces<Tall>,
  rows: number,
  count: number,
  seed: number,
): Pieces<Factors> {
  const columns = Math.min(rows, count + spare);
  let basis = yield* orthonormalise(drawTall(rows, columns, seed));
  for (let i = 0; i < iterations; i++) basis = yield* orthonormalise(yield* multiply(basis));
  // Once more, for the digits that the last product's columns have in common.
  basis = yield* orthonormalise(basis);
  const small = yield* multiplyTransposed(basis, yield* multiply(basis));
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
    vectors: yield* multiplyRight(basis, eigenvectorMatrix.subMatrixColumn(largest)),
  };
}

function drawTall(rows: number, columns: number, seed: number): Tall {
  const random = new RandomSequence(seed, streams.cooccurrence, 0);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < values.length; i += 2) values.set(random.normalPair().slice(0, values.length - i), i);
  return { rows, columns, values };
}

/** An orthonormal basis of its columns, by the Cholesky factor of their products. */
function* orthonormalise(tall: Tall): Pieces<Tall> {
  const products = yield* multiplyTransposed(tall, tall);
  // A column that depends on others, or is 0, must not end the factorisation.
  const least = 1e-12 * products.trace() || 1;
  for (let k = 0; k < tall.columns; k++) products.set(k, k, products.get(k, k) + least);
  return yield* multiplyRight(tall, inverse(new CholeskyDecomposition(products).lowerTriangularMatrix).transpose());
}

/**
 * Adds `count` rows of `from`, each times its weight, to a sum. Four at a time: what is added to is read and written once for them, in a
 * quarter of the time of one by one.
 */
export function addRows(
  sum: Float64Array,
  from: Float32Array,
  starts: Uint32Array,
  weights: Float64Array,
  count: number,
): void {
  const columns = sum.length;
  for (let i = 0; i < count; i += 4) {
    const a = starts[i]!;
    // Past the end the first of the four again, times 0.
    const b = i + 1 < count ? starts[i + 1]! : a;
    const c = i + 2 < count ? starts[i + 2]! : a;
    const d = i + 3 < count ? starts[i + 3]! : a;
    const ofA = weights[i]!;
    const ofB = i + 1 < count ? weights[i + 1]! : 0;
    const ofC = i + 2 < count ? weights[i + 2]! : 0;
    const ofD = i + 3 < count ? weights[i + 3]! : 0;
    for (let k = 0; k < columns; k++) {
      sum[k]! += ofA * from[a + k]! + ofB * from[b + k]! + ofC * from[c + k]! + ofD * from[d + k]!;
    }
  }
}

/** aᵀ b, (a.columns, b.columns), weighted by row where weights are given. */
export function* multiplyTransposed(a: Tall, b: Tall, weights?: Float64Array): Pieces<Matrix> {
  const sums = Array.from({ length: a.columns }, () => new Float64Array(b.columns));
  const [starts, factors] = [new Uint32Array(4), new Float64Array(4)];
  yield* eachRow(
    Math.ceil(a.rows / 4),
    () => 4 * a.columns * b.columns,
    four => {
      const first = 4 * four;
      const count = Math.min(4, a.rows - first);
      for (let row = 0; row < count; row++) starts[row] = (first + row) * b.columns;
      for (let i = 0; i < a.columns; i++) {
        for (let row = first; row < first + count; row++) {
          factors[row - first] = a.values[row * a.columns + i]! * (weights?.[row] ?? 1);
        }
        addRows(sums[i]!, b.values, starts, factors, count);
      }
    },
  );
  return new Matrix(sums.map(sum => [...sum]));
}

/** a · m, (a.rows, m.columns). */
export function* multiplyRight(a: Tall, m: Matrix): Pieces<Tall> {
  const columns = m.columns;
  const read = Float32Array.from(m.to1DArray());
  const starts = Uint32Array.from({ length: a.columns }, (_, i) => i * columns);
  const values = new Float32Array(a.rows * columns);
  const [sum, factors] = [new Float64Array(columns), new Float64Array(a.columns)];
  yield* eachRow(
    a.rows,
    () => a.columns * columns,
    row => {
      sum.fill(0);
      factors.set(a.values.subarray(row * a.columns, (row + 1) * a.columns));
      addRows(sum, read, starts, factors, a.columns);
      values.set(sum, row * columns);
    },
  );
  return { rows: a.rows, columns, values };
}

/** Multiplications of findFactors, beside those of so many products of its own with `multiply`. */
export function countFactorWork(
  rows: number,
  count: number,
): { readonly columns: number; readonly products: number; readonly own: number } {
  const columns = Math.min(rows, count + spare);
  const tall = rows * columns * columns;
  return { columns, products: iterations + 1, own: (2 * (iterations + 2) + 1) * tall + rows * columns * count };
}
