// The paper's funnel-c2 with the training of bert-c2: twelve layers, the first six halving the sequence from 128 rows to 2, the last six
// doubling it back, each of these adding what stood at its length before. The parameters of bert-c2, 110,848,257, and 0.12 GFLOP a token.
// Two things are not the code's: it pools tokens that stand half a sequence apart, where neighbours are pooled here as in
// Funnel-Transformer (arXiv 2006.03236), and it has no norm at the end.

import { extendRecipe } from "../src/train/recipe.ts";
import { bertC2 } from "./crammed-steps.ts";

export const funnel = extendRecipe(bertC2, {
  name: "funnel",
  model: { strides: [2, 4, 8, 16, 32, 64, 32, 16, 8, 4, 2, 1] },
});
