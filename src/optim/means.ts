// Moving means that optimizers keep of what their steps see. One that keeps nothing of the old is what is seen: then there is no state of it,
// no memory, no pass over that and nothing in a checkpoint.

import { add, multiply, subtract } from "../graph/operations.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";

/** States of one shape that are means or sums, from the share of the old that each keeps: those that keep any. */
export function listMeans(shape: Shape, shares: Readonly<Record<string, number>>): Record<string, Shape> {
  const kept = Object.entries(shares).filter(([, share]) => share > 0);
  return Object.fromEntries(kept.map(([kind]) => [kind, shape]));
}

/** The mean with what is seen taken in. */
export function blendMean(old: Tensor | undefined, seen: Tensor, share: number | Tensor): Tensor {
  if (old === undefined) return seen;
  return add(multiply(old, share), multiply(seen, typeof share === "number" ? 1 - share : subtract(1, share)));
}
