// The final recipe of "Cramming" (Geiping & Goldstein, arXiv 2212.14034), as its code ran it, for one day.
// 119,589,889 parameters; a token costs 0.60 GFLOP forward and backward, so the day on a GPU that sustains 60 TFLOP/s is
// 8.6 billion tokens: 40,193 steps with the batch ramp.

import { completeShape } from "../src/model/shape.ts";
import type { Recipe } from "../src/train/recipe.ts";

export const crammedBert: Recipe = {
  name: "crammed-bert",
  model: completeShape({
    width: 768,
    layers: 16,
    heads: 12,
    feedForward: 3072,
    vocabulary: 32768,
    sequenceLength: 128,
    positions: "scaled-sinusoidal",
  }),
  data: { maskFraction: 0.25, validationSequences: 256 },
  optimizer: {
    name: "adamw",
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-12,
    weightDecay: 0.01,
    clip: 0.5,
  },
  schedule: { learningRate: "budget-triangle2", batchSequences: 8192, batchRamp: 0.6 },
  train: {
    budget: "24h",
    microBatchSequences: 8,
    precision: "auto",
    seed: 0,
    validations: 20,
    checkpointEverySeconds: 600,
    badStepsAllowed: 10,
  },
};
