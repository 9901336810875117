// AdaHessian: Adam with the Hessian's diagonal in place of the gradient under the root. The diagonal is estimated by Hutchinson's
// method: a product of the Hessian with random signs, exact, by differentiating the gradient. One draw leaves it noisy, and near 0 for
// rows that a batch hardly sees: without the averages over blocks a step there has no bound.

import { z } from "zod";
import {
  add,
  concat,
  divide,
  exp,
  fill,
  log,
  maximum,
  mean,
  multiply,
  negate,
  reshape,
  slice,
  sqrt,
} from "../../graph/operations.ts";
import { countElements, type Tensor } from "../../graph/tensor.ts";
import { adamMoments, adamSettings, readAdamScalars } from "../adaptive/adamw.ts";
import { blendMean, listMeans } from "../means.ts";
import type { Optimizer } from "../optimizer.ts";
import { intervalSetting } from "./sophia.ts";

const schema = z.strictObject({
  name: z.literal("adahessian"),
  ...adamSettings,
  hessianPower: z.number().positive().max(1).default(1).describe("power of the root that steps are divided by"),
  block: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(32)
    .describe("neighbours in a matrix whose estimates are averaged; 1: none"),
  interval: intervalSetting.default(1).describe("steps from one estimate to the next"),
});

/** In place of each number the mean size of its block of neighbours (§3.2 of the paper); what is left at the end has its own. */
function averageBlocks(estimate: Tensor, block: number): Tensor {
  const count = countElements(estimate.shape);
  if (block === 1 || count < block) return estimate;
  const size = reshape(maximum(estimate, negate(estimate)), [count]);
  const whole = count - (count % block);
  const blocks = reshape(slice(size, 0, 0, whole), [whole / block, block]);
  const means = reshape(add(fill(0, blocks.shape), mean(blocks, [1])), [whole]);
  return reshape(whole === count ? means : concat([means, slice(size, 0, whole, count)], 0), estimate.shape);
}

export const adaHessian = {
  name: "adahessian",
  summary: "Adam with the Hessian's diagonal under the root",
  source: "Yao et al. 2021, arXiv 2006.00719",
  schema,
  decay: "decoupled",
  probe: "curvature",
  findInterval: ({ interval }) => interval,
  // Steps between due ones read what was seen at the last.
  listStates: ({ shape }, { beta1 }) => ({ ...listMeans(shape, { first: beta1 }), second: shape }),
  moments: adamMoments,
  // The mean square forgets at due steps only.
  readScalars: (settings, step, rateScale) => ({
    ...readAdamScalars(settings, step, rateScale),
    correction2: 1 - settings.beta2 ** Math.ceil(step / settings.interval),
  }),
  update: ({ shape }, { gradient, states, scalars, probe }, { beta1, beta2, epsilon, hessianPower, block }) => {
    const { learningRate, correction1, correction2 } = scalars;
    const first = blendMean(states.first, gradient, beta1);
    const old = states.second!;
    const seen = probe && averageBlocks(probe, shape.length === 2 ? block : 1);
    const second = seen === undefined ? old : blendMean(old, multiply(seen, seen), beta2);
    const root = sqrt(divide(second, correction2!));
    const power = hessianPower === 1 ? root : exp(multiply(log(add(root, 1e-30)), hessianPower));
    const step = multiply(divide(learningRate!, correction1!), divide(first, add(power, epsilon)));
    return { step, rate: learningRate!, states: { first, ...(probe !== undefined && { second }) } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
