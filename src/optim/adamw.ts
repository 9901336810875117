// AdamW (Loshchilov & Hutter 2019), with PyTorch's order of operations: decay first, ε outside the corrected root.

import { z } from "zod";
import { add, divide, multiply, sqrt, subtract } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { commonSettings, type Optimizer } from "./optimizer.ts";

/** Of a moving mean, which 1 would stop. */
const fraction = z.number().min(0).lt(1);

/** For optimizers that leave some parameters to AdamW as well. */
export const adamwSettings = {
  ...commonSettings,
  beta1: fraction,
  beta2: fraction,
  epsilon: z.number().min(1e-37).max(1),
};

const schema = z.strictObject({ name: z.literal("adamw"), ...adamwSettings });

type AdamWSettings = Omit<z.infer<typeof schema>, "name">;

export const adamw = {
  name: "adamw",
  schema,
  listStates: () => ["first", "second"],
  readScalars: readAdamWScalars,
  update: (_, { value, gradient, states, scalars, weightDecay }, settings) => {
    const { first, second } = states as Record<"first" | "second", Tensor>;
    const rates = scalars as Record<keyof AdamWRates, Tensor>;
    const result = updateAdamW(value, gradient, { first, second }, settings, rates, weightDecay);
    return { value: result.parameter, states: { first: result.first, second: result.second } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;

export function readAdamWScalars({ learningRate, beta1, beta2 }: AdamWSettings, step: number, rateScale: number) {
  return { learningRate: learningRate * rateScale, correction1: 1 - beta1 ** step, correction2: 1 - beta2 ** step };
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
  { beta1, beta2, epsilon }: Pick<AdamWSettings, "beta1" | "beta2" | "epsilon">,
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
