// The final recipe of the paper's first version (its c5 and o3; batch 4096, as its runs had it): the shape of crammed-bert, 15.6 % of the
// positions masked, half of the budget for the batch ramp. Its code had one more matrix, 768 by 768, before the decoder.

import { extendRecipe } from "../src/train/recipe.ts";
import { crammedBert } from "./crammed-bert.ts";

export const crammedBertLegacy = extendRecipe(crammedBert, {
  name: "crammed-bert-legacy",
  data: { maskFraction: 0.15625 },
  schedule: { batchSequences: 4096, batchRamp: 0.5 },
});
