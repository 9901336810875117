// Labels drawn from a model's own predictions, by the Gumbel-max trick: the largest of the logits, each with Gumbel noise added, is
// label v with probability softmax(logits)[v].

import { streams } from "../base/random.ts";
import {
  add,
  cast,
  detach,
  divide,
  equal,
  iota,
  log,
  max,
  multiply,
  negate,
  randomBits,
  reshape,
  select,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Apart from the host's streams. */
const streamsOfLabels = streams.sampledLabels << 16;

/** Labels (P) i32 of logits (P, V). `seed` is [1] u32, `part` numbers the uses in one graph from 0. No gradient goes through. */
export function sampleLabels(logits: Tensor, seed: Tensor, part = 0): Tensor {
  const [P, V] = logits.shape as [number, number];
  const bits = randomBits(seed, streamsOfLabels + part, [P, V]);
  // The middle of one of 2²³ parts of (0, 1): exact in f32, and never 0 or 1.
  const uniform = multiply(add(cast(divide(bits, 512), "f32"), 0.5), 2 ** -23);
  const noisy = add(detach(logits), negate(log(negate(log(uniform)))));
  const isLargest = equal(noisy, max(noisy, [1]));
  const numbers = cast(reshape(iota(V), [1, V]), "f32");
  // Where two are equally large, the later one.
  return cast(reshape(max(select(isLargest, numbers, -1), [1]), [P]), "i32");
}
