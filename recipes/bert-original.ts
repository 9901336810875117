// BERT-base (Devlin et al. 2019, arXiv 1810.04805) within a budget, as the paper's baseline has it: Adam with the decay in the gradient,
// 109,514,298 parameters, those of bert-base-uncased with its head. Its dropout is left out: pretraining here has none.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const bertOriginal = extendRecipe(crammedBert, {
  name: "bert-original",
  model: {
    layers: 12,
    vocabulary: 30522,
    sequenceLength: 512,
    positions: "learned",
    normalisation: "post",
    biases: true,
    activation: "gelu",
    segments: true,
    head: "transform",
  },
  data: { maskFraction: 0.15 },
  optimizer: { name: "adam", learningRate: 1e-4, beta2: 0.999, epsilon: 1e-8, clip: 0 },
  schedule: { learningRate: "linear", warmup: 0.01, batchSequences: 512, batchRamp: 0 },
});
