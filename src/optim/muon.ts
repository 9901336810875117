// Muon (Keller Jordan et al. 2024): momentum whose singular values are pushed towards 1 by Newton–Schulz iterations, so
// that every direction of a hidden matrix learns at one speed.

import { z } from "zod";
import { add, concat, matmul, multiply, rsqrt, slice, subtract, sum, transpose } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { adamw, adamwSettings, readAdamWScalars } from "./adamw.ts";
import type { OptimizedParameter, Optimizer } from "./optimizer.ts";

const schema = z.strictObject({
  name: z.literal("muon"),
  // Of AdamW, which trains the rest.
  ...adamwSettings,
  /** Peak learning rate of the matrices. */
  muonLearningRate: z.number().positive().max(1e6).default(0.02),
  muonMomentum: z.number().min(0).lt(1).default(0.95),
});

const isMatrix = ({ role }: OptimizedParameter) => role === "matrix";

/** Muon trains the hidden matrices; AdamW, with its own rate, the rest. */
export const muon = {
  name: "muon",
  schema,
  listStates: parameter => (isMatrix(parameter) ? ["momentum"] : adamw.listStates()),
  readScalars: (settings, step, rateScale) => ({
    ...readAdamWScalars(settings, step, rateScale),
    muonLearningRate: settings.muonLearningRate * rateScale,
  }),
  update: (parameter, operands, settings) => {
    if (!isMatrix(parameter)) return adamw.update(parameter, operands, { ...settings, name: "adamw" });
    const { value, gradient, states, scalars, weightDecay } = operands;
    const own = { momentum: settings.muonMomentum, weightDecay, parts: parameter.parts };
    const result = updateMuon(value, gradient, states.momentum!, own, scalars.muonLearningRate!);
    return { value: result.parameter, states: { momentum: result.momentum } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;

const iterations = 5;
/** Coefficients of the quintic that grows small singular values fastest (Jordan 2024). */
const [a, b, c] = [3.4445, -4.775, 2.0315];

/** A matrix with nearly the singular vectors of `x` and singular values between about 0.7 and 1.2. (R, C). */
export function orthogonalise(x: Tensor): Tensor {
  const [rows, columns] = x.shape as [number, number];
  if (rows > columns) return transpose(orthogonalise(transpose(x)));
  let y = multiply(x, rsqrt(add(sum(multiply(x, x), [0, 1]), 1e-14)));
  for (let i = 0; i < iterations; i++) {
    const gram = matmul(y, transpose(y)); // (R, R)
    const polynomial = add(multiply(gram, b), multiply(matmul(gram, gram), c));
    y = add(multiply(y, a), matmul(polynomial, y));
  }
  return y;
}

/**
 * New parameter and momentum of a matrix (in, out) made of `parts` matrices side by side.
 * Steps are scaled by √max(1, out / in), so that matrices of every shape move alike.
 */
export function updateMuon(
  parameter: Tensor,
  gradient: Tensor,
  momentum: Tensor,
  settings: { readonly momentum: number; readonly weightDecay: number; readonly parts: number },
  learningRate: Tensor,
): { readonly parameter: Tensor; readonly momentum: Tensor } {
  const [rows, columns] = parameter.shape as [number, number];
  const width = columns / settings.parts;
  const gathered = add(multiply(momentum, settings.momentum), gradient);
  const nesterov = add(gradient, multiply(gathered, settings.momentum));
  const parts = Array.from({ length: settings.parts }, (_, i) => {
    const part = slice(nesterov, 1, i * width, (i + 1) * width);
    return multiply(orthogonalise(part), Math.sqrt(Math.max(1, width / rows)));
  });
  const kept = multiply(parameter, subtract(1, multiply(learningRate, settings.weightDecay)));
  return { parameter: subtract(kept, multiply(concat(parts, 1), learningRate)), momentum: gathered };
}
