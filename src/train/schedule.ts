// What changes during a run, as functions of progress through the budget (0 to 1), in closed form.

/** budget-triangle2: 0.25 of the peak at the start, the peak at three quarters, 0 at the end; never below 0. */
export function triangleScale(progress: number): number {
  return Math.max(0, Math.min(0.25 + progress, (1 - progress) / 0.25));
}

/** Micro-batches of a step: linear from one to the full batch at `batchRamp` of the budget, in whole micro-batches. */
export function batchMicroBatches(
  progress: number,
  schedule: { readonly batchSequences: number; readonly batchRamp: number },
  microBatchSequences: number,
): number {
  const full = Math.ceil(schedule.batchSequences / microBatchSequences);
  if (progress >= schedule.batchRamp) return full;
  const share = (progress / schedule.batchRamp) * (schedule.batchSequences / microBatchSequences);
  return Math.min(full, Math.floor(share) + 1);
}
