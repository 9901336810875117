// The course of a run without running it: steps, sequences and seconds from what a micro-batch and an update cost. The batch
// is a whole number of micro-batches over each stretch of progress, so the sums over stretches are exact but for rounding.

import { batchSizeAt } from "../optim/schedule.ts";
import type { Budget } from "../train/budget.ts";
import type { Recipe } from "../train/recipe.ts";

export interface StepCost {
  /** Forward and backward of one micro-batch. */
  readonly microBatchSeconds: number;
  readonly updateSeconds: number;
  /** One validation, of all its batches. */
  readonly validationSeconds: number;
}

export interface Course {
  readonly steps: number;
  /** Steps before the batch is full. */
  readonly rampSteps: number;
  readonly sequences: number;
  readonly tokens: number;
  /** Of the budget. */
  readonly seconds: number;
  /** Over training steps at full batch. */
  readonly tokensPerSecond: number;
}

/** Checkpoints are left out: they are written rarely. */
export function planCourse(recipe: Recipe, budget: Budget, cost: StepCost): Course {
  const size = recipe.train.microBatchSequences;
  const stepSeconds = (microBatches: number) => microBatches * cost.microBatchSeconds + cost.updateSeconds;
  // One at the start; of the others the last comes after the end.
  const validationSeconds = recipe.train.validations * cost.validationSeconds;
  const trainingSeconds = budget.kind === "seconds" ? Math.max(0, budget.seconds - validationSeconds) : 0;
  const stretches = listStretches(recipe).map(({ share, microBatches }) => {
    const steps =
      budget.kind === "steps" ? share * budget.steps : (share * trainingSeconds) / stepSeconds(microBatches);
    return { steps, microBatches };
  });
  const total = (count: (stretch: (typeof stretches)[number]) => number) =>
    stretches.reduce((sum, stretch) => sum + count(stretch), 0);
  const steps = total(stretch => stretch.steps);
  const sequences = size * total(stretch => stretch.steps * stretch.microBatches);
  const full = stretches.at(-1)!;
  return {
    steps: Math.round(steps),
    rampSteps: Math.round(steps - full.steps),
    sequences: Math.round(sequences),
    tokens: Math.round(sequences * recipe.model.sequenceLength),
    seconds:
      budget.kind === "seconds"
        ? budget.seconds
        : validationSeconds + total(stretch => stretch.steps * stepSeconds(stretch.microBatches)),
    tokensPerSecond: (full.microBatches * size * recipe.model.sequenceLength) / stepSeconds(full.microBatches),
  };
}

/** Shares of the budget in which a step has the same number of micro-batches, in order; together they are 1. */
export function listStretches(recipe: Recipe): { readonly share: number; readonly microBatches: number }[] {
  const { batchSequences, batchRamp } = recipe.schedule;
  const { microBatchSequences: size } = recipe.train;
  const largest = Math.ceil(batchSizeAt(1, { ...recipe.schedule, ...recipe.train }) / size);
  const begin = (microBatches: number) => (batchRamp * (microBatches - 1) * size) / batchSequences;
  return Array.from({ length: largest }, (_, i) => ({
    share: (i + 1 === largest ? 1 : begin(i + 2)) - begin(i + 1),
    microBatches: i + 1,
  })).filter(({ share }) => share > 0);
}
