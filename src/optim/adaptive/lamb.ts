// LAMB: Adam's step and the decay, scaled together to the parameter's own norm, for large batches.

import { z } from "zod";
import { add, divide, less, multiply, select, sqrt } from "../../graph/operations.ts";
import { normOf } from "../clip.ts";
import type { Optimizer } from "../optimizer.ts";
import { adamMoments, adamSettings, listAdamStates, readAdamScalars, updateMoments } from "./adamw.ts";

const schema = z.strictObject({ name: z.literal("lamb"), ...adamSettings });

export const lamb = {
  name: "lamb",
  summary: "Adam's step scaled to the norm of the parameter",
  source: "You et al. 2020, arXiv 1904.00962",
  schema,
  decay: "own",
  listStates: listAdamStates,
  moments: adamMoments,
  readScalars: readAdamScalars,
  update: (_, operands, settings) => {
    const { learningRate, correction1, correction2 } = operands.scalars;
    const { value, weightDecay } = operands;
    const { first, second } = updateMoments(operands, settings);
    const root = add(sqrt(divide(second, correction2!)), settings.epsilon);
    const direction = add(divide(divide(first, correction1!), root), multiply(value, weightDecay));
    const [size, length] = [normOf(value), normOf(direction)];
    const isKnown = less(0, multiply(size, length));
    const trust = select(isKnown, divide(size, select(isKnown, length, 1)), 1);
    const step = multiply(multiply(learningRate!, trust), direction);
    return { step, rate: learningRate!, states: { first, second } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
