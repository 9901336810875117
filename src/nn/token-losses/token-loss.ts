// What a loss of predicted tokens is: a record of its settings and of what a row of logits costs. A new one is one file with such a
// record, and a line in token-losses.ts. Validation does not use it: its loss is always cross-entropy.

import type { z } from "zod";
import type { Tensor } from "../../graph/tensor.ts";

export interface TokenLoss<Settings = never> {
  readonly name: string;
  /** What it does, one line for lists. */
  readonly summary: string;
  /** The paper. */
  readonly source: string;
  /** The loss section of a recipe, its name included. */
  readonly schema: z.ZodObject;
  /** Which rows a batch's loss is the mean of: all, or those whose loss is not 0. */
  readonly counted: "all" | "above zero";
  /** (P, 1) of logits (P, V) and labels (P) i32 in [0, V). */
  ofRows(logits: Tensor, labels: Tensor, settings: Settings): Tensor;
}
