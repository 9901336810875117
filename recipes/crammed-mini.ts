// What ten minutes on two cores are better spent on than quickstart (docs/LOG.md): its shape and choices with a vocabulary of 8192, and two
// tokens on each side read by a matrix before the first layer, so that nothing waits for attention to find them. 1.4 M parameters, 3.7
// MFLOP a token.

import { extendRecipe } from "../src/train/recipe.ts";
import { quickstart } from "./quickstart.ts";

export const crammedMini = extendRecipe(quickstart, {
  name: "crammed-mini",
  model: { vocabulary: 8192, embedding: { neighbours: 2 } },
  optimizer: { learningRate: 7e-3 },
  train: { budget: "10m" },
});
