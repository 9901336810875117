// The paper's starting point (its c0 and o0): BERT's shape at 128 tokens, AdamW, a cosine over the budget. 110,945,024 parameters.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const bertBase = extendRecipe(crammedBert, {
  name: "bert-base",
  model: {
    layers: 12,
    positions: "learned",
    normalisation: "post",
    normEpsilon: 1e-6,
    biases: true,
    activation: "gelu",
    head: "transform",
  },
  data: { maskFraction: 0.15 },
  optimizer: { learningRate: 5e-4, clip: 0 },
  schedule: { learningRate: "cosine", warmup: 1 / 30, batchSequences: 1536, batchRamp: 0 },
});
