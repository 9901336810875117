// Gradient descent with momentum, as torch.optim.SGD: the sum of gradients begins with the first one whole.

import { z } from "zod";
import { add, multiply } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { commonSettings, meanFraction, type Optimizer, type Tensors } from "../optimizer.ts";

/** Of gradient descent, and of what scales its gradients. */
export const momentumSettings = {
  momentum: meanFraction.default(0.9).describe("share of the sum of gradients that a step keeps; 0 keeps no sum"),
  nesterov: z.boolean().default(true).describe("whether a step looks ahead along the sum"),
};

export type MomentumSettings = { readonly momentum: number; readonly nesterov: boolean };

const schema = z.strictObject({ name: z.literal("sgd"), ...commonSettings, ...momentumSettings });

export const sgd = {
  name: "sgd",
  summary: "gradient descent with momentum",
  source: "Sutskever et al. 2013; torch.optim.SGD",
  schema,
  decay: "coupled",
  momentum: "momentum",
  findFault: findMomentumFault,
  listStates: listMomentumStates,
  moments: { sum: "signed" },
  readScalars: ({ learningRate }, _, rateScale) => ({ learningRate: learningRate * rateScale }),
  update: (_, { gradient, states, scalars }, settings) => stepAlong(gradient, states.sum, scalars, settings),
} satisfies Optimizer<z.infer<typeof schema>>;

export function findMomentumFault({ momentum, nesterov }: MomentumSettings) {
  if (momentum > 0 || !nesterov) return undefined;
  return { message: "nesterov changes nothing with momentum 0", advice: "Set nesterov to false, or momentum above 0." };
}

export function listMomentumStates({ shape }: { readonly shape: Tensor["shape"] }, { momentum }: MomentumSettings) {
  return momentum > 0 ? { sum: shape } : {};
}

/** The step along the gradient, or along the sum of gradients where there is one. */
export function stepAlong(gradient: Tensor, sum: Tensor | undefined, scalars: Tensors, settings: MomentumSettings) {
  const rate = scalars.learningRate!;
  const momentum = scalars.momentum ?? settings.momentum;
  if (sum === undefined) return { step: multiply(gradient, rate), rate, states: {} };
  const gathered = add(multiply(sum, momentum), gradient);
  const direction = settings.nesterov ? add(gradient, multiply(gathered, momentum)) : gathered;
  return { step: multiply(direction, rate), rate, states: { sum: gathered } };
}
