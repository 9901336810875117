// Focal loss: rows that are predicted well already count less.

import { z } from "zod";
import { exp, log, maximum, multiply, negate, subtract } from "../../graph/operations.ts";
import { crossEntropyOfRows } from "../losses.ts";
import type { TokenLoss } from "./token-loss.ts";

const schema = z.strictObject({
  name: z.literal("focal"),
  focus: z.number().min(0).max(100).default(5).describe("the exponent γ; 0 is cross-entropy, the reference's is 5"),
});

/** Below it 1 - p is rounding; there the loss is 0, and so is its gradient. */
const leastError = 1e-30;

/** -(1 - p)^γ log p. */
export const focalLoss = {
  name: "focal",
  summary: "cross-entropy times a power of the error, so that easy tokens count less",
  source: "Lin et al. 2017, arXiv 1708.02002",
  schema,
  counted: "all",
  ofRows: (logits, labels, { focus }) => {
    const entropy = crossEntropyOfRows(logits, labels);
    const error = maximum(subtract(1, exp(negate(entropy))), leastError);
    return multiply(exp(multiply(log(error), focus)), entropy);
  },
} as const satisfies TokenLoss<z.infer<typeof schema>>;
