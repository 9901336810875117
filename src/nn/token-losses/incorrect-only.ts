// Cross-entropy of the rows that are predicted wrongly, and of no others.

import { z } from "zod";
import { detach, equal, iota, less, max, reshape, select, sum } from "../../graph/operations.ts";
import { crossEntropyOfRows } from "../losses.ts";
import type { TokenLoss } from "./token-loss.ts";

const schema = z.strictObject({ name: z.literal("incorrect-only") });

/** A row is wrong where another logit is above the label's. Its cross-entropy is then above log 2, so 0 says that it is right. */
export const incorrectOnlyLoss = {
  name: "incorrect-only",
  summary: "cross-entropy of the tokens that are predicted wrongly, and of no others",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  schema,
  counted: "above zero",
  ofRows: (logits, labels) => {
    const [P, V] = logits.shape as [number, number];
    const isLabel = equal(reshape(iota(V), [1, V]), reshape(labels, [P, 1]));
    const picked = detach(sum(select(isLabel, logits, 0), [1]));
    return select(less(picked, detach(max(logits, [1]))), crossEntropyOfRows(logits, labels), 0);
  },
} as const satisfies TokenLoss<z.infer<typeof schema>>;
