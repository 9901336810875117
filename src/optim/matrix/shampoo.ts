// Shampoo: the gradient of a matrix between the inverse fourth roots of its rows' and its columns' covariance, as long as Adam's
// step. Blocks of the matrix have factors of their own; roots are made anew every `interval` steps.

import { z } from "zod";
import { divide, exactMatmul, maximum, multiply, transpose } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { adamMoments, adamSettings, listAdamStates, readAdamScalars, updateAdam } from "../adaptive/adamw.ts";
import { intervalSetting } from "../curvature/sophia.ts";
import { blendMean, listMeans } from "../means.ts";
import { meanFraction, type OptimizedParameter, type Optimizer, smallNumber } from "../optimizer.ts";
import { type Blocks, planBlocks } from "./blocks.ts";
import { addRidge, inverseFourthRoot, normOfEach } from "./factors.ts";

/** Of optimizers that keep factors of a matrix. */
export const factorSettings = {
  // Of AdamW, which trains what is no hidden matrix.
  ...adamSettings,
  factorMemory: meanFraction.default(0.95).describe("share that the moving mean of the factors keeps"),
  ridge: smallNumber.default(1e-6).describe("share of a factor's norm that is added to its diagonal"),
  blockSize: z
    .number()
    .int()
    .min(1)
    .max(8192)
    .default(128)
    .describe("largest side of the blocks that matrices are cut into"),
  interval: intervalSetting.default(10).describe("steps from one decomposition of the factors to the next"),
};

export type Factors = Partial<Readonly<Record<"left" | "right", Tensor>>>;

/** The states of the factors of a matrix, and what they are for. */
export const listFactors = (
  { left, right }: Blocks["factors"],
  { factorMemory }: { readonly factorMemory: number },
) => ({
  ...listMeans(left, { left: factorMemory }),
  ...listMeans(right, { right: factorMemory }),
});

/** The moving means of B·Bᵀ and Bᵀ·B for blocks B of a gradient. */
export function blendFactors(
  { left, right }: Factors,
  blocks: Tensor,
  { factorMemory }: { readonly factorMemory: number },
): { readonly left: Tensor; readonly right: Tensor } {
  return {
    left: blendMean(left, exactMatmul(blocks, transpose(blocks)), factorMemory),
    right: blendMean(right, exactMatmul(transpose(blocks), blocks), factorMemory),
  };
}

const schema = z.strictObject({ name: z.literal("shampoo"), ...factorSettings });

export const isMatrix = ({ role }: OptimizedParameter) => role === "matrix";

export const shampoo = {
  name: "shampoo",
  summary: "inverse roots of the covariance of rows and columns, as long as AdamW's step",
  source: "Gupta et al. 2018, arXiv 1802.09568; grafting: Anil et al. 2020, arXiv 2002.09018",
  schema,
  decay: "decoupled",
  findInterval: ({ interval }) => interval,
  listStates: (parameter, settings) => {
    const adam = listAdamStates(parameter, settings);
    if (!isMatrix(parameter)) return adam;
    const { factors } = planBlocks(parameter, settings.blockSize);
    const roots = { leftRoot: factors.left, rightRoot: factors.right };
    return { ...adam, ...listFactors(factors, settings), ...roots };
  },
  moments: adamMoments,
  readScalars: (settings, step, rateScale) => ({
    ...readAdamScalars(settings, step, rateScale),
    factorCorrection: 1 - settings.factorMemory ** step,
  }),
  update: (parameter, operands, settings) => {
    const adam = updateAdam(operands, settings);
    if (!isMatrix(parameter)) return adam;
    const { gradient, scalars, isDue } = operands;
    const { cut, join } = planBlocks(parameter, settings.blockSize);
    const states = operands.states as Factors & Record<"leftRoot" | "rightRoot", Tensor>;
    const blocks = cut(gradient);
    const { left, right } = blendFactors(states, blocks, settings);
    const rootOf = (factor: Tensor) =>
      inverseFourthRoot(addRidge(divide(factor, scalars.factorCorrection!), settings.ridge));
    const [leftRoot, rightRoot] = isDue ? [rootOf(left), rootOf(right)] : [states.leftRoot, states.rightRoot];
    const shaped = exactMatmul(exactMatmul(leftRoot, cut(adam.states.first)), rightRoot);
    // The rate is in Adam's step already.
    const grafted = multiply(shaped, divide(normOfEach(cut(adam.step)), maximum(normOfEach(shaped), 1e-30)));
    const roots = isDue ? { leftRoot, rightRoot } : {};
    return { step: join(grafted), rate: adam.rate, states: { ...adam.states, left, right, ...roots } };
  },
} satisfies Optimizer<z.infer<typeof schema>>;
