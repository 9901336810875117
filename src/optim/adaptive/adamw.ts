// AdamW, with PyTorch's order of operations: decay first, ε outside the corrected root.

import { z } from "zod";
import { add, divide, multiply, sqrt } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { blendMean, listMeans } from "../means.ts";
import {
  commonSettings,
  meanFraction,
  type OptimizedParameter,
  type Optimizer,
  type StepOperands,
  smallNumber,
} from "../optimizer.ts";

/** Of Adam, and of optimizers that leave some parameters to it. */
export const adamSettings = {
  ...commonSettings,
  beta1: meanFraction.describe("share that the moving mean of the gradient keeps"),
  beta2: meanFraction.describe("share that the moving mean of its square keeps"),
  epsilon: smallNumber.describe("added to the root of the mean square"),
};

const schema = z.strictObject({ name: z.literal("adamw"), ...adamSettings });

/** Of states that these optimizers have alike. */
export const adamMoments = { first: "signed", second: "positive" } as const;

export type AdamSettings = Omit<z.infer<typeof schema>, "name">;

export const adamw = {
  name: "adamw",
  summary: "mean gradient over the root of its mean square, decay apart from the gradient",
  source: "Loshchilov & Hutter 2019, arXiv 1711.05101",
  schema,
  decay: "decoupled",
  momentum: "beta1",
  listStates: listAdamStates,
  moments: adamMoments,
  movesElements: true,
  readScalars: readAdamScalars,
  update: (_, operands, settings) => updateAdam(operands, settings),
} satisfies Optimizer<z.infer<typeof schema>>;

type Betas = Pick<AdamSettings, "beta1" | "beta2">;

export function listAdamStates({ shape }: Pick<OptimizedParameter, "shape">, { beta1, beta2 }: Betas) {
  return listMeans(shape, { first: beta1, second: beta2 });
}

export function readAdamScalars({ learningRate, beta1, beta2 }: AdamSettings, step: number, rateScale: number) {
  return { learningRate: learningRate * rateScale, correction1: 1 - beta1 ** step, correction2: 1 - beta2 ** step };
}

/** Moving means of the gradient and of its square, not corrected for their beginning at zero. */
export function updateMoments(
  { gradient, states, scalars }: Pick<StepOperands, "gradient" | "states" | "scalars">,
  { beta1, beta2 }: Betas,
): { readonly first: Tensor; readonly second: Tensor } {
  const first = blendMean(states.first, gradient, scalars.momentum ?? beta1);
  const second = blendMean(states.second, multiply(gradient, gradient), beta2);
  return { first, second };
}

/** Adam's step (Kingma & Ba 2015, algorithm 1). Scalars: learningRate, and correction1 and 2, which are 1 - βᵗ. */
export function updateAdam(
  operands: Pick<StepOperands, "gradient" | "states" | "scalars">,
  settings: Pick<AdamSettings, "beta1" | "beta2" | "epsilon">,
) {
  const { learningRate, correction1, correction2 } = operands.scalars as Record<string, Tensor>;
  const { first, second } = updateMoments(operands, settings);
  const denominator = add(divide(sqrt(second), sqrt(correction2!)), settings.epsilon);
  const step = multiply(divide(learningRate!, correction1!), divide(first, denominator));
  return { step, rate: learningRate!, states: { first, second } };
}
