// Layer normalisation and softmax: what is normalised over the last axis. Both are plain primitives, because the compiler
// makes one row kernel of each, forward and backward.

import { add, detach, divide, exp, max, mean, multiply, rsqrt, subtract, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** (x - mean) / sqrt(variance + epsilon) · weight + bias over C; x is (T, C), weight and bias (C) (Ba et al. 2016). */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  const centred = subtract(x, mean(x, [-1])); // (T, C)
  const variance = mean(multiply(centred, centred), [-1]); // (T, 1)
  const normal = multiply(centred, rsqrt(add(variance, epsilon))); // (T, C)
  return add(multiply(normal, weight), bias);
}

/** exp(x) / Σ exp(x) over the last axis, the largest element subtracted first so that nothing overflows. */
export function softmax(x: Tensor): Tensor {
  const raised = exp(subtract(x, detach(max(x, [-1]))));
  return divide(raised, sum(raised, [-1]));
}
