// Where a step's batch ends: at the size that the schedule says, or before it, where a rule finds that its micro-batches agree. What a rule
// has of a step begins anew with each; a monotone one remembers how large the last batch was, which checkpoints hold.

import { type BatchRuleSettings, isBatchEnough } from "./batch-rules.ts";
import type { GradientProducts } from "./gradient-products.ts";

export interface BatchEnd {
  /** Whether the step ends with the micro-batch that was accumulated just now, the k-th of `most`. */
  isReached(microBatches: number, most: number, measure: (() => GradientProducts) | undefined): boolean;
  /** Of a monotone rule: micro-batches that a step has at least from here on. */
  readonly leastMicroBatches: number | undefined;
}

/** `least` is what a checkpoint says of a monotone rule. */
export function createBatchEnd(rule: BatchRuleSettings | undefined, least: number | undefined): BatchEnd {
  let [leastMicroBatches, squares] = [least ?? rule?.least ?? 1, [] as number[]];
  const isEnough = (count: number, products: GradientProducts): boolean => {
    const { newest } = products;
    squares = Array.from(newest, (value, i) => value + (count === 1 ? 0 : squares[i]!));
    return count >= Math.max(2, leastMicroBatches) && isBatchEnough({ ...products, squares, count }, rule!);
  };
  return {
    get leastMicroBatches() {
      return rule?.monotone === true ? leastMicroBatches : undefined;
    },
    isReached: (microBatches, most, measure) => {
      const isAsked = rule !== undefined && measure !== undefined && microBatches < most;
      const isLast = microBatches >= most || (isAsked && isEnough(microBatches, measure()));
      if (isLast && rule?.monotone === true) leastMicroBatches = microBatches;
      return isLast;
    },
  };
}
