// The steps between bert-base and crammed-bert, each with the training of its time (o1, o2, o3), crammed-bert of the paper's first version,
// and the wider, shallower i4 for the smallest card. Rotary positions were switched on in all four and did nothing, so they are left out. A norm at the end is always here;
// the code of c2 and c3 had none.

import { extendRecipe } from "../src/train/recipe.ts";
import { bertBase } from "./bert-base.ts";
import { crammedBert } from "./crammed-bert.ts";

/** Norms before, scaled sinusoids; a cosine from 7e-4 without warmup. */
export const bertC2 = extendRecipe(bertBase, {
  name: "bert-c2",
  model: { positions: "scaled-sinusoidal", normalisation: "pre" },
  optimizer: { learningRate: 7e-4 },
  schedule: { warmup: 0 },
});

/** Without the head's transform and bias; one cycle up to 1e-3, a batch ramp. */
export const bertC3 = extendRecipe(bertC2, {
  name: "bert-c3",
  model: { head: "tied" },
  optimizer: { learningRate: 1e-3 },
  schedule: { learningRate: "one-cycle", batchRamp: 0.5 },
});

/**
 * The final recipe of the paper's first version (its c5 and o3; batch 4096, as its runs had it): the shape of crammed-bert, 15.6 % of the
 * positions masked, half of the budget for the batch ramp. Its code had one more matrix, 768 by 768, before the decoder.
 */
export const crammedBertLegacy = extendRecipe(crammedBert, {
  name: "crammed-bert-legacy",
  data: { maskFraction: 0.15625 },
  schedule: { batchSequences: 4096, batchRamp: 0.5 },
});

/** Without biases, gated, with four heads; the training of crammed-bert-legacy. */
export const bertC4 = extendRecipe(crammedBertLegacy, { name: "bert-c4", model: { layers: 12, heads: 4 } });

export const bertI4 = extendRecipe(crammedBertLegacy, {
  name: "bert-i4",
  model: { width: 1088, layers: 8, heads: 8, feedForward: 4352, activation: "gelu" },
});
