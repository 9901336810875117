// What an hour on two cores is spent on: crammed-mini at the size of crammed-bert-small, with attention enough to compare sentences and two
// fifths of its sequences asking for it (data.echo). 5.0 M parameters, 17.6 MFLOP a token. Single tokens are masked in it. crammed-small-64k is
// for processors that multiply in tiles: it has crammed-mini-64k's vocabulary, 19.7 M parameters, 18.6 MFLOP a token, and masks whole words. After an hour it is at
// 1.38 bits per byte where ten minutes of crammed-mini-64k are at 1.52, and compares sentences as crammed-small does (docs/LOG.md).

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedMini } from "./crammed-mini.ts";

export const crammedSmall = extendRecipe(crammedMini, {
  name: "crammed-small",
  model: { width: 256, layers: 4, heads: 4, feedForward: 1024 },
  data: { maskFraction: 0.3, mask: null, echo: 0.4 },
  optimizer: { learningRate: 6e-3, muonLearningRate: 0.02 },
  schedule: { batchSequences: 64 },
  train: { budget: "1h", validations: 12 },
});

export const crammedSmall64k = extendRecipe(crammedSmall, {
  name: "crammed-small-64k",
  model: { vocabulary: 65536, zeroOutputs: true },
  data: { mask: { unit: "words", masked: 0.8, random: 0.1, specials: "predicted" } },
  objective: { name: "masked", candidates: 4096, candidatePower: 0.75 },
  optimizer: { lazyEmbedding: true, beta1: 0 },
});
