// The paper's smallest shape (its bert-tiny) with the training of bert-base: 4 layers of width 384 behind an embedding of width 96. 8,788,320
// parameters: an AlbertForMaskedLM of four groups without its segments. 33 MFLOP a token.

import { extendRecipe } from "../src/train/recipe.ts";
import { bertBase } from "./bert-base.ts";

export const bertTiny = extendRecipe(bertBase, {
  name: "bert-tiny",
  model: { width: 384, layers: 4, feedForward: 1024, embedding: { width: 96 }, initialisation: "small" },
});
