// LARS: gradient descent whose gradient of each parameter is scaled to a share of the parameter's own norm. With `clipped` it is
// LARC: the scale is never above the learning rate's own.

import { z } from "zod";
import { add, divide, less, minimum, multiply, select } from "../../graph/operations.ts";
import { normOf } from "../clip.ts";
import { commonSettings, type Optimizer, smallNumber } from "../optimizer.ts";
import { findMomentumFault, listMomentumStates, momentumSettings, stepAlong } from "./sgd.ts";

const schema = z.strictObject({
  name: z.literal("lars"),
  ...commonSettings,
  ...momentumSettings,
  trust: z.number().positive().max(1e6).default(0.02).describe("share of a parameter's norm that its gradient becomes"),
  clipped: z.boolean().default(false).describe("whether gradients are only scaled down, as LARC does"),
  epsilon: smallNumber.default(1e-8).describe("added to the gradient's norm"),
});

export const lars = {
  name: "lars",
  summary: "momentum on gradients scaled to their parameter's norm",
  source: "You et al. 2017, arXiv 1708.03888",
  schema,
  decay: "own",
  momentum: "momentum",
  findFault: findMomentumFault,
  listStates: listMomentumStates,
  moments: { sum: "signed" },
  readScalars: ({ learningRate }, _, rateScale) => ({ learningRate: learningRate * rateScale }),
  update: (_, { value, gradient, states, scalars, weightDecay }, settings) => {
    const rate = scalars.learningRate!;
    const [size, slope] = [normOf(value), normOf(gradient)];
    const denominator = add(add(slope, multiply(size, weightDecay)), settings.epsilon);
    const local = divide(multiply(size, settings.trust), denominator);
    // min(local / rate, 1), written so that a rate of 0 divides nothing by nothing.
    const scale = settings.clipped ? minimum(divide(local, add(rate, 1e-30)), 1) : local;
    const scaled = multiply(add(gradient, multiply(value, weightDecay)), scale);
    // A parameter or a gradient that is zero has no norm to go by.
    const trusted = select(less(0, multiply(size, slope)), scaled, gradient);
    return stepAlong(trusted, states.sum, scalars, settings);
  },
} satisfies Optimizer<z.infer<typeof schema>>;
