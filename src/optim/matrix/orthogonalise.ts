// The nearest matrix with orthogonal rows or columns, by odd quintic polynomials of its singular values (Newton–Schulz). Which
// polynomials is the choice: one that is repeated, or a list that is best for a number of iterations. Many matrices are one composite,
// so that a backend may work on all of them at once, and on half of what is symmetric.

import {
  add,
  composite,
  divide,
  matmul,
  multiply,
  permute,
  reshape,
  sqrt,
  sum,
  transpose,
} from "../../graph/operations.ts";
import type { Attributes, CompositeDefinition, Tensor } from "../../graph/tensor.ts";

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

/** N matrices (rows, columns), each of `parts` matrices side by side. */
interface OrthogonaliseLayout {
  readonly matrices: number;
  readonly rows: number;
  readonly columns: number;
  readonly parts: number;
  /** What the norm is multiplied by, and what is added to it, before a matrix is divided by it. */
  readonly margin: number;
  readonly least: number;
  readonly iterations: number;
}

/** a, b and c of each iteration, which attributes hold one by one. */
function readCoefficients({ iterations, ...attributes }: Attributes & OrthogonaliseLayout): Coefficients[] {
  return Array.from({ length: iterations }, (_, i) => [
    attributes[`a${i}`]!,
    attributes[`b${i}`]!,
    attributes[`c${i}`]!,
  ]);
}

const definition: CompositeDefinition = {
  name: "orthogonalise",
  decompose: ([x], attributes) => {
    const layout = attributes as Attributes & OrthogonaliseLayout;
    const { matrices: N, rows, columns, parts } = layout;
    const width = columns / parts;
    const apart = reshape(permute(reshape(x!, [N, rows, parts, width]), [0, 2, 1, 3]), [N * parts, rows, width]);
    const isTall = rows > width;
    const even = iterate(isTall ? transpose(apart) : apart, layout);
    const back = reshape(isTall ? transpose(even) : even, [N, parts, rows, width]);
    return reshape(permute(back, [0, 2, 1, 3]), x!.shape);
  },
};

/** Of matrices (N, R, C), R ≤ C. */
function iterate(x: Tensor, layout: Attributes & OrthogonaliseLayout): Tensor {
  const norm = sqrt(sum(multiply(x, x), [1, 2]));
  let y = multiply(x, divide(1, add(multiply(norm, layout.margin), layout.least)));
  for (const [a, b, c] of readCoefficients(layout)) {
    const gram = matmul(y, transpose(y)); // (N, R, R)
    const polynomial = add(multiply(gram, b), multiply(matmul(gram, gram), c));
    y = add(multiply(y, a), matmul(polynomial, y));
  }
  return y;
}

/**
 * Matrices with nearly the singular vectors of those in `x` and singular values near 1: between about 0.7 and 1.2 with jordan, 0.9 and
 * 1.1 with polar-express. `x` is (N, R, parts · C): each part is a matrix.
 */
export function orthogonalise(x: Tensor, parts: number, choice: OrthogonaliseChoice = "jordan"): Tensor {
  const [matrices, rows, columns] = x.shape as [number, number, number];
  const coefficients = choice === "jordan" ? jordan : choice === "polar-express" ? polarExpress : choice;
  // Polar Express wants singular values below 1 with certainty.
  const scaling = choice === "polar-express" ? { margin: 1.02, least: 1e-6 } : { margin: 1, least: 1e-7 };
  const numbered = coefficients.flatMap(([a, b, c], i) => [
    [`a${i}`, a],
    [`b${i}`, b],
    [`c${i}`, c],
  ]);
  const layout: OrthogonaliseLayout = { matrices, rows, columns, parts, ...scaling, iterations: coefficients.length };
  return composite(definition, [x], { ...layout, ...Object.fromEntries(numbered) }, x.shape);
}
