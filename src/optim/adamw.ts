// AdamW (Loshchilov & Hutter 2019), with PyTorch's order of operations: decay first, ε outside the corrected root.

import { add, divide, multiply, sqrt, subtract } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Scalars that change from step to step, each of shape [1]. */
export interface AdamWRates {
  readonly learningRate: Tensor;
  /** 1 - β₁ᵗ and 1 - β₂ᵗ. */
  readonly correction1: Tensor;
  readonly correction2: Tensor;
}

/** New parameter, first and second moment, all of the parameter's shape. */
export function updateAdamW(
  parameter: Tensor,
  gradient: Tensor,
  moments: { readonly first: Tensor; readonly second: Tensor },
  { beta1, beta2, epsilon }: AdamWSettings,
  rates: AdamWRates,
  weightDecay: number,
): { readonly parameter: Tensor; readonly first: Tensor; readonly second: Tensor } {
  const first = add(multiply(moments.first, beta1), multiply(gradient, 1 - beta1));
  const second = add(multiply(moments.second, beta2), multiply(multiply(gradient, gradient), 1 - beta2));
  const denominator = add(divide(sqrt(second), sqrt(rates.correction2)), epsilon);
  const step = multiply(divide(rates.learningRate, rates.correction1), divide(first, denominator));
  const kept = multiply(parameter, subtract(1, multiply(rates.learningRate, weightDecay)));
  return { parameter: subtract(kept, step), first, second };
}
