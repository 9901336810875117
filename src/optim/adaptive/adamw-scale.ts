// AdamW whose steps are scaled by the parameter's own size, as nanoT5 has it. ε is added to the root before its correction, and decay
// comes after the step.

import { z } from "zod";
import { add, divide, maximum, mean, multiply, sqrt, subtract } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Optimizer } from "../optimizer.ts";
import { adamMoments, adamSettings, listAdamStates, readAdamScalars, updateMoments } from "./adamw.ts";

const schema = z.strictObject({
  name: z.literal("adamw-scale"),
  ...adamSettings,
  leastScale: z.number().min(0).max(1e6).default(1e-3).describe("least scale, for parameters that are about zero"),
});

/** √ of the mean square, of shape [1, …]. */
export const rootMeanSquare = (x: Tensor) =>
  sqrt(
    mean(
      multiply(x, x),
      x.shape.map((_, axis) => axis),
    ),
  );

export const adamwScale = {
  name: "adamw-scale",
  summary: "AdamW with steps in proportion to the parameter's root mean square",
  source: "Nawrot 2023, nanoT5, arXiv 2309.02373",
  schema,
  decay: "own",
  listStates: listAdamStates,
  moments: adamMoments,
  readScalars: readAdamScalars,
  update: (_, operands, settings) => {
    const { learningRate: rate, correction1, correction2 } = operands.scalars as Record<string, Tensor>;
    const { value, weightDecay } = operands;
    const { first, second } = updateMoments(operands, settings);
    const corrected = divide(multiply(rate!, sqrt(correction2!)), correction1!);
    const size = maximum(rootMeanSquare(value), settings.leastScale);
    const adaptive = divide(first, add(sqrt(second), settings.epsilon));
    const step = multiply(multiply(adaptive, corrected), size);
    const decay = multiply(subtract(value, step), multiply(rate!, weightDecay));
    return { step: add(step, decay), rate: rate!, states: { first, second } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
