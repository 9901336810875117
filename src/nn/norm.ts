// The norms of a layer, as records, and softmax: what is normalised over the last axis. All are plain primitives, because the compiler
// makes one row kernel of each, forward and backward.

import { add, detach, divide, exp, max, mean, multiply, rsqrt, subtract, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What a norm is: rows (T, C) to rows whose scale does not depend on x's. */
export interface Norm {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  /** Elements of its gain, for rows of `width`, and what they begin at. */
  readonly gain: (width: number) => { readonly length: number; readonly initial: number };
  /** The rows without gain and bias. */
  apply(x: Tensor, epsilon: number): Tensor;
}

export const norms = [
  {
    name: "layer",
    summary: "(x - mean) / √(variance + ε)",
    source: "Ba et al. 2016, arXiv 1607.06450",
    gain: width => ({ length: width, initial: 1 }),
    apply: (x, epsilon) => {
      const centred = subtract(x, mean(x, [-1])); // (T, C)
      const variance = mean(multiply(centred, centred), [-1]); // (T, 1)
      return multiply(centred, rsqrt(add(variance, epsilon))); // (T, C)
    },
  },
  {
    name: "rms",
    summary: "x / √(mean x² + ε)",
    source: "Zhang & Sennrich 2019, arXiv 1910.07467",
    gain: width => ({ length: width, initial: 1 }),
    apply: (x, epsilon) => multiply(x, rsqrt(add(mean(multiply(x, x), [-1]), epsilon))),
  },
  {
    name: "scale",
    summary: "x / √(Σ x² + ε), with one gain, √width at first, for all columns",
    source: "Nguyen & Salazar 2019, arXiv 1910.05895",
    gain: width => ({ length: 1, initial: Math.sqrt(width) }),
    apply: (x, epsilon) => multiply(x, rsqrt(add(sum(multiply(x, x), [-1]), epsilon))),
  },
] as const satisfies readonly Norm[];

export type NormName = (typeof norms)[number]["name"];
export const normNames = norms.map(({ name }) => name) as [NormName, ...NormName[]];
export const findNorm = (name: NormName): Norm => norms.find(norm => norm.name === name)!;

/** norm(x) · gain + bias, of which either may be missing; x (T, C), gain (C) or (1), bias (C). */
export function applyNorm(
  x: Tensor,
  name: NormName,
  gain: Tensor | undefined,
  bias: Tensor | undefined,
  epsilon: number,
): Tensor {
  const normal = findNorm(name).apply(x, epsilon);
  const scaled = gain === undefined ? normal : multiply(normal, gain);
  return bias === undefined ? scaled : add(scaled, bias);
}

/** (x - mean) / sqrt(variance + epsilon) · weight + bias over C; x is (T, C), weight and bias (C) (Ba et al. 2016). */
export const layerNorm = (x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor =>
  applyNorm(x, "layer", weight, bias, epsilon);

/** exp(x) / Σ exp(x) over the last axis, the largest element subtracted first so that nothing overflows. */
export function softmax(x: Tensor): Tensor {
  const raised = exp(subtract(x, detach(max(x, [-1]))));
  return divide(raised, sum(raised, [-1]));
}
