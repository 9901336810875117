// Cross-entropy. The label's logit is picked by comparing column numbers, not by a gather: forward and backward are then
// elementwise work on rows, which fuses with the softmax.
//
// P predictions, V classes.

import { add, detach, equal, exp, iota, log, max, mean, reshape, select, subtract, sum } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Mean of log Σ exp(logits) - logits[label], in nats, shape []. logits (P, V), labels (P) i32 in [0, V). */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [P, V] = logits.shape as [number, number];
  if (logits.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== P || labels.dtype !== "i32") {
    throw new Error(`crossEntropy: [${logits.shape.join(", ")}] with labels [${labels.shape.join(", ")}]`);
  }
  const largest = detach(max(logits, [1])); // (P, 1)
  const logTotal = add(log(sum(exp(subtract(logits, largest)), [1])), largest); // (P, 1)
  const isLabel = equal(reshape(iota(V), [1, V]), reshape(labels, [P, 1])); // (P, V)
  const picked = sum(select(isLabel, logits, 0), [1]); // (P, 1)
  return reshape(mean(subtract(logTotal, picked), [0]), []);
}
