// Dropout (Srivastava et al. 2014), inverted: what is kept is scaled up, so that nothing changes where it is off. The mask is
// not stored but drawn again in the backward pass: random bits are a function of (seed, stream, element).

import { streams } from "../base/random.ts";
import { less, multiply, randomBits, select } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

export interface Dropout {
  /** Share of the elements that become 0, in [0, 1). */
  readonly rate: number;
  /** [1] u32; another number at every step, or every step drops the same elements. */
  readonly seed: Tensor;
}

/** Streams of one graph's random bits: more applications than any model has, apart from the host's streams. */
const streamsOfDropout = streams.dropout << 16;

/**
 * x / (1 - rate) where kept, else 0. `application` numbers the uses of dropout in one graph from 0: equal numbers in tensors
 * of equal shape drop the same elements. Without dropout, or at rate 0, x itself.
 */
export function applyDropout(x: Tensor, dropout: Dropout | undefined, application: number): Tensor {
  if (dropout === undefined || dropout.rate === 0) return x;
  const { rate, seed } = dropout;
  if (!(rate > 0 && rate < 1)) throw new Error(`dropout: a rate of ${rate}`);
  const bits = randomBits(seed, streamsOfDropout + application, x.shape);
  const isKept = less(bits, Math.round((1 - rate) * 2 ** 32));
  return select(isKept, multiply(x, 1 / (1 - rate)), 0);
}
