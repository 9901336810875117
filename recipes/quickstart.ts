// Learns in minutes on two CPU cores: rotary positions, because scaled sinusoidal ones spend the first hours at word
// frequencies, and Muon for the hidden matrices. Width 128, 2 layers, vocabulary 4096: 0.9 M parameters, 6 MFLOP a
// token, so three minutes at 40,000 tokens/s are 7 M tokens: about 3,500 steps of 16 sequences.

import type { Recipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const quickstart: Recipe = {
  ...crammedBert,
  name: "quickstart",
  model: {
    width: 128,
    layers: 2,
    heads: 4,
    feedForward: 512,
    vocabulary: 4096,
    sequenceLength: 128,
    positions: "rotary",
  },
  optimizer: {
    name: "muon",
    learningRate: 3e-3,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-12,
    weightDecay: 0.01,
    clip: 0.5,
    muonLearningRate: 0.02,
    muonMomentum: 0.95,
  },
  schedule: { learningRate: "budget-triangle2", batchSequences: 16, batchRamp: 0 },
  train: {
    ...crammedBert.train,
    budget: "3m",
    microBatchSequences: 16,
    validations: 6,
    checkpointEverySeconds: 30,
  },
};
