// Classification as regression: logits are drawn to a vector that is large at the token and 0 elsewhere. Constants are the reference's
// losses.py, which took them from Hui & Belkin (2021) and says itself that scaling is a guess.

import { z } from "zod";
import { equal, iota, maximum, multiply, negate, reshape, select, subtract, sum } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { TokenLoss } from "./token-loss.ts";

/** Logits minus the target, which is `height` at the label and 0 elsewhere. (P, V). */
function subtractTarget(logits: Tensor, labels: Tensor, height: number): Tensor {
  const [P, V] = logits.shape as [number, number];
  const isLabel = equal(reshape(iota(V), [1, V]), reshape(labels, [P, 1]));
  return subtract(logits, select(isLabel, height, 0));
}

const squaredSchema = z.strictObject({ name: z.literal("squared-error") });

/** Σ (z - √V · 1_label)² / (2 V √V). The reference sums this over a batch's rows although it speaks of a mean; it is the mean here. */
export const squaredErrorLoss = {
  name: "squared-error",
  summary: "squared distance of the logits to √V at the token and 0 elsewhere",
  source: "Hui & Belkin 2021, arXiv 2006.07322",
  schema: squaredSchema,
  counted: "all",
  ofRows: (logits, labels) => {
    const V = logits.shape[1]!;
    const error = subtractTarget(logits, labels, Math.sqrt(V));
    return multiply(sum(multiply(error, error), [1]), 1 / (2 * V * Math.sqrt(V)));
  },
} as const satisfies TokenLoss<z.infer<typeof squaredSchema>>;

const absoluteSchema = z.strictObject({ name: z.literal("absolute-error") });

/** Σ |z - V · 1_label| / √V. */
export const absoluteErrorLoss = {
  name: "absolute-error",
  summary: "absolute distance of the logits to V at the token and 0 elsewhere",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  schema: absoluteSchema,
  counted: "all",
  ofRows: (logits, labels) => {
    const V = logits.shape[1]!;
    const error = subtractTarget(logits, labels, V);
    return multiply(sum(maximum(error, negate(error)), [1]), 1 / Math.sqrt(V));
  },
} as const satisfies TokenLoss<z.infer<typeof absoluteSchema>>;
