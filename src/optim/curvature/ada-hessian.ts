// AdaHessian: Adam with the Hessian's diagonal in place of the gradient under the root. The diagonal is estimated by Hutchinson's
// method: a product of the Hessian with random signs, exact, by differentiating the gradient.

import { z } from "zod";
import { add, divide, exp, log, multiply, sqrt } from "../../graph/operations.ts";
import { adamMoments, adamSettings, readAdamScalars } from "../adaptive/adamw.ts";
import type { Optimizer } from "../optimizer.ts";
import { intervalSetting } from "./sophia.ts";

const schema = z.strictObject({
  name: z.literal("adahessian"),
  ...adamSettings,
  hessianPower: z.number().positive().max(1).default(1).describe("power of the root that steps are divided by"),
  interval: intervalSetting.default(1).describe("steps from one estimate to the next"),
});

export const adaHessian = {
  name: "adahessian",
  summary: "Adam with the Hessian's diagonal under the root",
  source: "Yao et al. 2021, arXiv 2006.00719",
  schema,
  decay: "decoupled",
  probe: "curvature",
  findInterval: ({ interval }) => interval,
  listStates: ({ shape }) => ({ first: shape, second: shape }),
  moments: adamMoments,
  // The mean square forgets at due steps only.
  readScalars: (settings, step, rateScale) => ({
    ...readAdamScalars(settings, step, rateScale),
    correction2: 1 - settings.beta2 ** Math.ceil(step / settings.interval),
  }),
  update: (_, { gradient, states, scalars, probe }, { beta1, beta2, epsilon, hessianPower }) => {
    const { learningRate, correction1, correction2 } = scalars;
    const first = add(multiply(states.first!, beta1), multiply(gradient, 1 - beta1));
    const old = states.second!;
    const second = probe === undefined ? old : add(multiply(old, beta2), multiply(multiply(probe, probe), 1 - beta2));
    const root = sqrt(divide(second, correction2!));
    const power = hessianPower === 1 ? root : exp(multiply(log(add(root, 1e-30)), hessianPower));
    const step = multiply(divide(learningRate!, correction1!), divide(first, add(power, epsilon)));
    return { step, rate: learningRate!, states: { first, ...(probe !== undefined && { second }) } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
