// Losses of classification.

import {
  add,
  cast,
  detach,
  equal,
  exp,
  iota,
  log,
  max,
  mean,
  reshape,
  select,
  subtract,
  sum,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Mean of -log softmax(logits)[label] over rows, shape []. logits (P, V), labels (P) i32. */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [rows, classes] = logits.shape as [number, number];
  const highest = detach(max(logits, [-1])); // (P, 1)
  const logSum = add(log(sum(exp(subtract(logits, highest)), [-1])), highest);
  const isLabel = equal(reshape(iota(classes), [1, classes]), reshape(labels, [rows, 1])); // (P, V)
  const picked = sum(select(isLabel, logits, 0), [-1]);
  return reshape(mean(cast(subtract(logSum, picked), "f32"), [0, 1]), []);
}
