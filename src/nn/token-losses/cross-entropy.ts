// Cross-entropy, with a weight on the normaliser and part of the target spread over all classes where they are asked for.

import { z } from "zod";
import { add, mean, multiply, subtract } from "../../graph/operations.ts";
import { crossEntropyOfRows, logTotalOfRows } from "../losses.ts";
import type { TokenLoss } from "./token-loss.ts";

const schema = z.strictObject({
  name: z.literal("cross-entropy"),
  zLoss: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("weight of the squared log of the softmax's normaliser, which keeps logits small; PaLM's is 1e-4"),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe("share of the target that is spread over all tokens"),
});

/**
 * (1 - s) (log Z - z_label) + s (log Z - mean z) + w log² Z, of which the first two are torch's label smoothing (Szegedy et al. 2016,
 * arXiv 1512.00567, §7) and the last is PaLM's z-loss (Chowdhery et al. 2022, arXiv 2204.02311, §5). The reference adds log₂ Z itself,
 * summed over rows, and doubts it in a comment.
 */
export const crossEntropyLoss = {
  name: "cross-entropy",
  summary: "minus the log of the token's probability",
  source: "Devlin et al. 2019, arXiv 1810.04805",
  schema,
  counted: "all",
  ofRows: (logits, labels, { zLoss, labelSmoothing }) => {
    let loss = crossEntropyOfRows(logits, labels);
    if (zLoss === 0 && labelSmoothing === 0) return loss;
    const logTotal = logTotalOfRows(logits);
    if (labelSmoothing > 0) {
      const spread = subtract(logTotal, mean(logits, [1]));
      loss = add(multiply(loss, 1 - labelSmoothing), multiply(spread, labelSmoothing));
    }
    return zLoss > 0 ? add(loss, multiply(multiply(logTotal, logTotal), zLoss)) : loss;
  },
} as const satisfies TokenLoss<z.infer<typeof schema>>;
