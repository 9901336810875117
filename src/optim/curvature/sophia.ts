// Sophia-G: momentum divided by an estimate of the Hessian's diagonal, and clipped element by element. The estimate is the squared
// gradient of labels drawn from the model's own predictions, made anew every `interval` steps.

import { z } from "zod";
import { add, divide, maximum, minimum, multiply } from "../../graph/operations.ts";
import { blendMean, listMeans } from "../means.ts";
import { commonSettings, meanFraction, type Optimizer, smallNumber } from "../optimizer.ts";

export const intervalSetting = z.number().int().positive().max(1e6);

const schema = z.strictObject({
  name: z.literal("sophia"),
  ...commonSettings,
  beta1: meanFraction.default(0.965).describe("share that the moving mean of the gradient keeps"),
  beta2: meanFraction.default(0.99).describe("share that the moving mean of the estimates keeps"),
  rho: z
    .number()
    .positive()
    .max(1e6)
    .default(0.04)
    .describe("factor of the estimate: the larger, the fewer elements are clipped"),
  epsilon: smallNumber.default(1e-15).describe("added to the estimate"),
  interval: intervalSetting.default(10).describe("steps from one estimate to the next"),
});

export const sophia = {
  name: "sophia",
  summary: "momentum over sampled curvature, clipped",
  source: "Liu et al. 2023, arXiv 2305.14342",
  schema,
  decay: "decoupled",
  probe: "sampled",
  findInterval: ({ interval }) => interval,
  // Steps between due ones read what was seen at the last.
  listStates: ({ shape }, { beta1 }) => ({ ...listMeans(shape, { first: beta1 }), curvature: shape }),
  moments: { first: "signed", curvature: "positive" },
  readScalars: ({ learningRate }, _, rateScale) => ({ learningRate: learningRate * rateScale }),
  update: (_, { gradient, states, scalars, probe }, { beta1, beta2, rho, epsilon }) => {
    const first = blendMean(states.first, gradient, beta1);
    const old = states.curvature!;
    const curvature = probe === undefined ? old : blendMean(old, multiply(probe, probe), beta2);
    const ratio = divide(first, add(multiply(curvature, rho), epsilon));
    const step = multiply(maximum(minimum(ratio, 1), -1), scalars.learningRate!);
    return { step, rate: scalars.learningRate!, states: { first, ...(probe !== undefined && { curvature }) } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
