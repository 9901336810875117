// Losses of classes and of numbers. The label's logit is picked by comparing column numbers, not by a gather: forward and
// backward are then elementwise work on rows, which fuses with the softmax.
//
// P predictions, V classes.

import {
  add,
  detach,
  equal,
  exp,
  iota,
  log,
  max,
  mean,
  multiply,
  reshape,
  select,
  subtract,
  sum,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** log Σ exp(logits) of each row, (P, 1). logits (P, V). */
export function logTotalOfRows(logits: Tensor): Tensor {
  const largest = detach(max(logits, [1])); // (P, 1)
  return add(log(sum(exp(subtract(logits, largest)), [1])), largest);
}

/** log Σ exp(logits) - logits[label] of each row, in nats, (P, 1). logits (P, V), labels (P) i32; for one outside [0, V) the
 * row means nothing. */
export function crossEntropyOfRows(logits: Tensor, labels: Tensor): Tensor {
  const [P, V] = logits.shape as [number, number];
  if (logits.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== P || labels.dtype !== "i32") {
    throw new Error(`crossEntropy: [${logits.shape.join(", ")}] with labels [${labels.shape.join(", ")}]`);
  }
  const logTotal = logTotalOfRows(logits);
  const isLabel = equal(reshape(iota(V), [1, V]), reshape(labels, [P, 1])); // (P, V)
  const picked = sum(select(isLabel, logits, 0), [1]); // (P, 1)
  return subtract(logTotal, picked);
}

/** Mean cross-entropy, in nats, shape []. logits (P, V), labels (P) i32 in [0, V). */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  return reshape(mean(crossEntropyOfRows(logits, labels), [0]), []);
}

/** Mean of (prediction - target)², shape []. Both of one shape. */
export function meanSquaredError(predictions: Tensor, targets: Tensor): Tensor {
  const error = subtract(predictions, targets);
  const axes = error.shape.map((_, axis) => axis);
  return reshape(mean(multiply(error, error), axes), []);
}
