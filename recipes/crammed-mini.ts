// What ten minutes on two cores are better spent on than quickstart (docs/LOG.md): its width with a vocabulary of 8192, and two tokens on
// each side read by a matrix before the first layer, so that nothing waits for attention to find them. Behind that stands one layer, which
// only the predicted tokens leave, two fifths of all, told apart from a quarter of the vocabulary: it reads two and a half times the text
// that two layers and a head of the whole vocabulary do. Whole words are masked, by which the track scores. 1.3 M parameters, 1.7 MFLOP a token.
// crammed-mini-256 is for processors that would read the text five times so: 3.7 M parameters, 9.6 MFLOP a token. crammed-mini-64k has most
// words as one token, so that nothing of a masked word is guessed piece by piece: 18.4 M parameters, 9.9 MFLOP a token. A step moves the rows
// of its embedding that it reads alone, one in thirteen, and by their gradient without a mean of those before: of a mean, nine tenths would wait
// until the row is read again. What predictions are told apart from is drawn by how often it occurs. Half of its sequences are passages of a
// sentence or two, as texts stand that are scored: the text of articles has a separator too seldom to learn what to make of one.

import { extendRecipe } from "../src/train/recipe.ts";
import { quickstart } from "./quickstart.ts";

export const crammedMini = extendRecipe(quickstart, {
  name: "crammed-mini",
  model: { layers: 1, heads: 2, vocabulary: 8192, embedding: { neighbours: 2 } },
  data: { maskFraction: 0.4, mask: { unit: "words", masked: 0.8, random: 0.1, specials: "predicted" } },
  objective: { name: "masked", candidates: 2048 },
  optimizer: { learningRate: 9e-3, muonLearningRate: 0.028 },
  schedule: { batchSequences: 32 },
  train: { budget: "10m", microBatchSequences: 32 },
});

export const crammedMini256 = extendRecipe(crammedMini, {
  name: "crammed-mini-256",
  model: { width: 256, layers: 2, heads: 4, feedForward: 1024 },
  optimizer: { learningRate: 6e-3, muonLearningRate: 0.02 },
});

export const crammedMini64k = extendRecipe(crammedMini256, {
  name: "crammed-mini-64k",
  model: { vocabulary: 65536, zeroOutputs: true },
  data: { maskFraction: 0.3, passages: 0.5 },
  objective: { name: "masked", candidates: 4096, candidatePower: 0.75 },
  optimizer: { lazyEmbedding: true, beta1: 0 },
});
