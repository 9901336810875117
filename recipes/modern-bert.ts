// ModernBERT-base (Warner et al. 2024, arXiv 2412.13663) within a budget: its 149,655,232 parameters, its mask rate, and its schedule in
// shares of the budget. Sequences are short, so every layer sees all tokens; AdamW with clipping stands for StableAdamW.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const modernBert = extendRecipe(crammedBert, {
  name: "modern-bert",
  model: {
    layers: 22,
    feedForward: 2304,
    vocabulary: 50368,
    positions: "rotary",
    rotaryBases: [160_000, 10_000, 10_000],
    firstAttentionNorm: false,
    normEpsilon: 1e-5,
    normBias: false,
    head: "transform",
  },
  data: { maskFraction: 0.3 },
  optimizer: { learningRate: 8e-4, epsilon: 1e-6, weightDecay: 1e-5 },
  schedule: { learningRate: "warmup-stable-decay", warmup: 0.02, cooldown: 0.2, batchSequences: 4608, batchRamp: 0.1 },
});
