// SOAP: AdamW in the eigenbasis of Shampoo's factors. The basis begins as the identity, and every `interval` steps follows the
// factors by one step of orthogonal iteration; it is not sorted, as the authors' is: the iteration orders it by itself.

import { z } from "zod";
import { add, divide, exactMatmul, multiply, sqrt, transpose } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { adamMoments, listAdamStates, readAdamScalars, updateAdam } from "../adaptive/adamw.ts";
import { blendMean, listMeans } from "../means.ts";
import type { Optimizer } from "../optimizer.ts";
import { planBlocks } from "./blocks.ts";
import { addRidge, identity, orthonormalise } from "./factors.ts";
import { blendFactors, type Factors, factorSettings, isMatrix, listFactors } from "./shampoo.ts";

const schema = z.strictObject({ name: z.literal("soap"), ...factorSettings });

export const soap = {
  name: "soap",
  summary: "AdamW in the eigenbasis of the covariance of rows and columns",
  source: "Vyas et al. 2024, arXiv 2409.11321",
  schema,
  decay: "decoupled",
  findInterval: ({ interval }) => interval,
  listStates: (parameter, settings) => {
    if (!isMatrix(parameter)) return listAdamStates(parameter, settings);
    const { shape, factors } = planBlocks(parameter, settings.blockSize);
    const means = {
      ...listMeans(parameter.shape, { first: settings.beta1 }),
      ...listMeans(shape, { second: settings.beta2 }),
    };
    return { ...means, ...listFactors(factors, settings), leftBasis: factors.left, rightBasis: factors.right };
  },
  // The bases begin as zeros: the identity is added at the first step.
  moments: adamMoments,
  readScalars: (settings, step, rateScale) => ({
    ...readAdamScalars(settings, step, rateScale),
    isFirstStep: step === 1 ? 1 : 0,
  }),
  update: (parameter, operands, settings) => {
    if (!isMatrix(parameter)) return updateAdam(operands, settings);
    const { gradient, isDue } = operands;
    const { learningRate: rate, correction1, correction2, isFirstStep } = operands.scalars as Record<string, Tensor>;
    const { cut, join } = planBlocks(parameter, settings.blockSize);
    const states = operands.states as Factors &
      Partial<Record<"first" | "second", Tensor>> &
      Record<"leftBasis" | "rightBasis", Tensor>;
    const blocks = cut(gradient);
    const { left, right } = blendFactors(states, blocks, settings);
    const follow = (basis: Tensor, factor: Tensor) => {
      const begun = add(basis, multiply(identity(basis.shape[1]!), isFirstStep!));
      return orthonormalise(exactMatmul(addRidge(factor, settings.ridge), begun));
    };
    const leftBasis = isDue ? follow(states.leftBasis, left) : states.leftBasis;
    const rightBasis = isDue ? follow(states.rightBasis, right) : states.rightBasis;
    const turn = (x: Tensor) => exactMatmul(exactMatmul(transpose(leftBasis), x), rightBasis);
    const turned = turn(blocks);
    const first = blendMean(states.first, gradient, settings.beta1);
    const second = blendMean(states.second, multiply(turned, turned), settings.beta2);
    const root = add(divide(sqrt(second), sqrt(correction2!)), settings.epsilon);
    const direction = divide(turn(cut(first)), root);
    const back = join(exactMatmul(exactMatmul(leftBasis, direction), transpose(rightBasis)));
    const bases = isDue ? { leftBasis, rightBasis } : {};
    return {
      step: multiply(divide(rate!, correction1!), back),
      rate: rate!,
      states: { first, second, left, right, ...bases },
    };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
