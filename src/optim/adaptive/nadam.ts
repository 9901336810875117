// NAdam: Adam that looks ahead along its mean gradient, with Nesterov's growing momentum μₜ = β₁ (1 - ½ · 0.96^(ψ t)).

import { z } from "zod";
import { add, divide, multiply, sqrt } from "../../graph/operations.ts";
import type { Optimizer } from "../optimizer.ts";
import { adamMoments, adamSettings, listAdamStates, readAdamScalars, updateMoments } from "./adamw.ts";

const schema = z.strictObject({
  name: z.literal("nadam"),
  ...adamSettings,
  momentumGrowth: z.number().min(0).max(1).default(4e-3).describe("ψ: how fast the momentum grows to beta1"),
});

export const nadam = {
  name: "nadam",
  summary: "AdamW with Nesterov's momentum",
  source: "Dozat 2016; torch.optim.NAdam with decoupled decay",
  schema,
  decay: "decoupled",
  listStates: listAdamStates,
  moments: adamMoments,
  readScalars: (settings, step, rateScale) => {
    const { learningRate, correction2 } = readAdamScalars(settings, step, rateScale);
    const momentumAt = (at: number) => settings.beta1 * (1 - 0.5 * 0.96 ** (at * settings.momentumGrowth));
    let product = 1;
    // Of no weight beside 1 long before the end.
    for (let at = 1; at <= step && product > 1e-20; at++) product *= momentumAt(at);
    const next = momentumAt(step + 1);
    return {
      learningRate,
      gradientShare: (1 - momentumAt(step)) / (1 - product),
      meanShare: next / (1 - product * next),
      correction2,
    };
  },
  update: (_, operands, settings) => {
    const { learningRate, gradientShare, meanShare, correction2 } = operands.scalars;
    const { first, second } = updateMoments(operands, settings);
    const ahead = add(multiply(operands.gradient, gradientShare!), multiply(first, meanShare!));
    const denominator = add(divide(sqrt(second), sqrt(correction2!)), settings.epsilon);
    const step = multiply(learningRate!, divide(ahead, denominator));
    return { step, rate: learningRate!, states: { first, second } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
