// Lion: every element moves by the learning rate alone, along the sign of a blend of its mean gradient and the newest one. Its rate
// should be 3 to 10 times smaller than AdamW's, and its decay as much larger.

import { z } from "zod";
import { less, multiply, select } from "../../graph/operations.ts";
import { blendMean, listMeans } from "../means.ts";
import { commonSettings, meanFraction, type Optimizer } from "../optimizer.ts";

const schema = z.strictObject({
  name: z.literal("lion"),
  ...commonSettings,
  beta1: meanFraction.default(0.9).describe("share of the mean gradient in a step"),
  beta2: meanFraction.default(0.99).describe("share that the moving mean of the gradient keeps"),
});

export const lion = {
  name: "lion",
  summary: "the sign of the momentum",
  source: "Chen et al. 2023, arXiv 2302.06675",
  schema,
  decay: "decoupled",
  listStates: ({ shape }, { beta1 }) => listMeans(shape, { first: beta1 }),
  moments: { first: "signed" },
  readScalars: ({ learningRate }, _, rateScale) => ({ learningRate: learningRate * rateScale }),
  update: (_, { gradient, states, scalars }, { beta1, beta2 }) => {
    const blend = blendMean(states.first, gradient, beta1);
    const sign = select(less(0, blend), 1, select(less(blend, 0), -1, 0));
    const first = blendMean(states.first, gradient, beta2);
    return { step: multiply(sign, scalars.learningRate!), rate: scalars.learningRate!, states: { first } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
