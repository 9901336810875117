// The losses of predicted tokens there are. A line here is all that the rest needs to know of one.

import { z } from "zod";
import { listSchemas } from "../../base/listed-schemas.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { crossEntropyLoss } from "./cross-entropy.ts";
import { focalLoss } from "./focal.ts";
import { incorrectOnlyLoss } from "./incorrect-only.ts";
import { absoluteErrorLoss, squaredErrorLoss } from "./regression.ts";
import type { TokenLoss } from "./token-loss.ts";

export const tokenLosses = [
  crossEntropyLoss,
  focalLoss,
  incorrectOnlyLoss,
  squaredErrorLoss,
  absoluteErrorLoss,
] as const;

/** The loss section of a recipe. */
export const tokenLossSchema = z.discriminatedUnion("name", listSchemas(tokenLosses));

export type TokenLossSettings = z.infer<typeof tokenLossSchema>;

/** What validation is measured with, whatever is trained. */
export const plainCrossEntropy: TokenLossSettings = { name: "cross-entropy", zLoss: 0, labelSmoothing: 0 };

export function findTokenLoss({ name }: TokenLossSettings): TokenLoss {
  return tokenLosses.find(loss => loss.name === name)!;
}

/** Loss of each row, (P, 1), of logits (P, V) and labels (P). */
export function computeRowLosses(logits: Tensor, labels: Tensor, settings: TokenLossSettings): Tensor {
  return findTokenLoss(settings).ofRows(logits, labels, settings as never);
}
