// Learns in minutes on two CPU cores: rotary positions, because scaled sinusoidal ones spend the first hours at word
// frequencies, and Muon for the hidden matrices. Width 128, 2 layers, vocabulary 4096: 0.9 M parameters, 2.48 MFLOP a
// token, so three minutes of two cores with AVX2, at 22,400 tokens/s, are 4.0 M tokens: 1,969 steps of 16 sequences. The
// choices of crammed-mini but for its neighbours, which would be worth more than all others (docs/LOG.md), and which no class
// of transformers can open.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const quickstart = extendRecipe(crammedBert, {
  name: "quickstart",
  model: { width: 128, layers: 2, heads: 4, feedForward: 512, vocabulary: 4096, positions: "rotary" },
  optimizer: {
    ...{ name: "muon", learningRate: 9e-3 },
    ...{ muonLearningRate: 0.02, muonMomentum: 0.95, muonNeuronMemory: 0.95 },
  },
  schedule: { learningRate: "linear", warmup: 0.05, batchSequences: 16, batchRamp: 0 },
  train: { budget: "3m", microBatchSequences: 16, validations: 6, checkpointEverySeconds: 30 },
});
