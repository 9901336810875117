// Stochastic depth (Huang et al. 2016, arXiv 1603.09382): in training a layer is left out by chance, and what a layer adds is scaled up by
// the chance that it stays, so that nothing has to change where every layer is there.

import { streams } from "../base/random.ts";
import { less, randomBits, select } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** The chance that layer 0, 1, … of `layers` stays: 1 - rate · (layer + 1) / layers, the paper's straight line. */
export const keepChance = (rate: number, layer: number, layers: number): number => 1 - (rate * (layer + 1)) / layers;

/** What a layer made, or what it was given where it is left out; one draw for the whole batch. `seed` is [1] u32, another for each batch. */
export function keepOrSkip(made: Tensor, given: Tensor, chance: number, seed: Tensor, layer: number): Tensor {
  const bits = randomBits(
    seed,
    (streams.layerDrop << 16) + layer,
    made.shape.map(() => 1),
  );
  return select(less(bits, Math.round(chance * 2 ** 32)), made, given);
}
