// BERT-large in a day: Izsak et al. (2021, arXiv 2104.07705) as the paper ran it, and the same shape with the paper's own training.
// The paper's has 337,081,344 parameters; a norm at the end, which is always here, adds 2,048. Its dropout is left out.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const crammedLarge = extendRecipe(crammedBert, {
  name: "crammed-large",
  model: {
    width: 1024,
    layers: 24,
    heads: 16,
    feedForward: 4096,
    positions: "learned",
    normEpsilon: 1e-6,
    biases: true,
    activation: "gelu",
    head: "transform",
  },
});

export const bertLargeIzsak = extendRecipe(crammedLarge, {
  name: "bert-large-izsak",
  data: { maskFraction: 0.15 },
  optimizer: { learningRate: 2e-3, epsilon: 1e-6, clip: 0 },
  schedule: { learningRate: "linear", warmup: 0.06, batchSequences: 4096, batchRamp: 0 },
});
