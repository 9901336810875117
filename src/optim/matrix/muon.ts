// Muon: momentum whose singular values are pushed towards 1 by Newton–Schulz iterations, so that every direction of a hidden
// matrix learns at one speed.

import { z } from "zod";
import { add, concat, matmul, multiply, rsqrt, slice, sum, transpose } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { adamSettings, adamw, readAdamScalars } from "../adaptive/adamw.ts";
import { meanFraction, type OptimizedParameter, type Optimizer } from "../optimizer.ts";

const schema = z.strictObject({
  name: z.literal("muon"),
  // Of AdamW, which trains the rest.
  ...adamSettings,
  muonLearningRate: z.number().positive().max(1e6).default(0.02).describe("peak learning rate of the hidden matrices"),
  muonMomentum: meanFraction.default(0.95).describe("share of the sum of gradients that a step keeps"),
});

const isMatrix = ({ role }: OptimizedParameter) => role === "matrix";

/** Muon trains the hidden matrices; AdamW, with its own rate, the rest. */
export const muon = {
  name: "muon",
  summary: "orthogonalised momentum for the hidden matrices, AdamW for the rest",
  source: "Jordan et al. 2024, kellerjordan.github.io/posts/muon",
  schema,
  decay: "decoupled",
  listStates: parameter => (isMatrix(parameter) ? { momentum: parameter.shape } : adamw.listStates(parameter)),
  readScalars: (settings, step, rateScale) => ({
    ...readAdamScalars(settings, step, rateScale),
    muonLearningRate: settings.muonLearningRate * rateScale,
  }),
  update: (parameter, operands, settings) => {
    if (!isMatrix(parameter)) return adamw.update(parameter, operands, { ...settings, name: "adamw" });
    const { gradient, states, scalars } = operands;
    const rate = scalars.muonLearningRate!;
    const { direction, momentum } = updateMuon(gradient, states.momentum!, settings.muonMomentum, parameter.parts);
    return { step: multiply(direction, rate), rate, states: { momentum } };
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
 * Direction and new momentum of a matrix (in, out) made of `parts` matrices side by side. Directions are scaled by
 * √max(1, out / in), so that matrices of every shape move alike.
 */
function updateMuon(gradient: Tensor, momentum: Tensor, share: number, count: number) {
  const [rows, columns] = gradient.shape as [number, number];
  const width = columns / count;
  const gathered = add(multiply(momentum, share), gradient);
  const nesterov = add(gradient, multiply(gathered, share));
  const parts = Array.from({ length: count }, (_, i) => {
    const part = slice(nesterov, 1, i * width, (i + 1) * width);
    return multiply(orthogonalise(part), Math.sqrt(Math.max(1, width / rows)));
  });
  return { direction: concat(parts, 1), momentum: gathered };
}
