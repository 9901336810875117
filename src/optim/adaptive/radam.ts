// RAdam: Adam without a warmup. While the mean square has seen too few gradients to be trusted it is left out; then its share is
// rectified by a factor that goes to 1.

import { z } from "zod";
import { add, divide, multiply, sqrt } from "../../graph/operations.ts";
import type { Optimizer } from "../optimizer.ts";
import { adamMoments, adamSettings, listAdamStates, readAdamScalars, updateMoments } from "./adamw.ts";

const schema = z.strictObject({ name: z.literal("radam"), ...adamSettings });

export const radam = {
  name: "radam",
  summary: "AdamW with the variance of its first steps rectified",
  source: "Liu et al. 2020, arXiv 1908.03265",
  schema,
  decay: "decoupled",
  listStates: listAdamStates,
  moments: adamMoments,
  // ρ and the rectification r of algorithm 2; r · √(1 - β₂ᵗ) is one factor, and 0 until ρ is above 5.
  readScalars: (settings, step, rateScale) => {
    const { beta2 } = settings;
    const { learningRate, correction1, correction2 } = readAdamScalars(settings, step, rateScale);
    const most = 2 / (1 - beta2) - 1;
    const length = most - (2 * step * beta2 ** step) / correction2;
    const isTrusted = length > 5;
    const rectified = ((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length);
    return {
      learningRate,
      correction1,
      rectification: isTrusted ? Math.sqrt(rectified * correction2) : 0,
      plainShare: isTrusted ? 0 : 1,
    };
  },
  update: (_, operands, settings) => {
    const { learningRate, correction1, rectification, plainShare } = operands.scalars;
    const { first, second } = updateMoments(operands, settings);
    const factor = add(divide(rectification!, add(sqrt(second), settings.epsilon)), plainShare!);
    const step = multiply(divide(learningRate!, correction1!), multiply(first, factor));
    return { step, rate: learningRate!, states: { first, second } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
