// Learning rates and batch sizes as functions of progress through the budget (0 to 1), after Geiping & Goldstein's
// schedulers.py. A schedule reads only the settings in its own signature, and none is ever negative.

export interface Warmup {
  /** Share of the budget over which the rate rises from 0; 0: none. */
  readonly warmup: number;
}

export interface Trapezoid extends Warmup {
  /** Share of the budget, at its end, over which the rate falls to 0; 0: none. */
  readonly cooldown: number;
}

/** 1/4 of the peak at the start, the peak at 3/4 of the budget, 0 at its end: the paper's budget-triangle2. */
export function triangleRate(progress: number): number {
  return Math.max(0, Math.min(0.25 + progress, (1 - progress) / 0.25));
}

/** 0, the peak half way, 0. */
export function oneCycleRate(progress: number): number {
  return Math.max(0, progress < 0.5 ? 2 * progress : 2 - 2 * progress);
}

/** Warmup, then a straight line to 0. */
export function linearRate(progress: number, { warmup }: Warmup): number {
  if (progress < warmup) return progress / warmup;
  return Math.max(0, (1 - progress) / (1 - warmup));
}

/** Warmup, then half a cosine to 0. */
export function cosineRate(progress: number, { warmup }: Warmup): number {
  if (progress < warmup) return progress / warmup;
  return 0.5 * (1 + Math.cos((Math.PI * (Math.min(progress, 1) - warmup)) / (1 - warmup)));
}

/** Warmup, the peak, a straight line to 0 over the cooldown. */
export function trapezoidRate(progress: number, { warmup, cooldown }: Trapezoid): number {
  if (progress < warmup) return progress / warmup;
  return progress <= 1 - cooldown ? 1 : Math.max(0, (1 - progress) / cooldown);
}

/** A recipe's schedule: its name with the settings that this schedule reads, and no others. */
export type RateSchedule =
  | { readonly name: "budget-triangle2" | "one-cycle" }
  | ({ readonly name: "linear" | "cosine" } & Warmup)
  | ({ readonly name: "constant-with-cooldown" } & Trapezoid);

/** Share of the peak learning rate, 0 to 1, at this progress. */
export function rateAt(progress: number, schedule: RateSchedule): number {
  switch (schedule.name) {
    case "budget-triangle2":
      return triangleRate(progress);
    case "one-cycle":
      return oneCycleRate(progress);
    case "linear":
      return linearRate(progress, schedule);
    case "cosine":
      return cosineRate(progress, schedule);
    case "constant-with-cooldown":
      return trapezoidRate(progress, schedule);
    default:
      return schedule satisfies never;
  }
}

export interface BatchRamp {
  /** Sequences of a step at full batch, and of one pass. */
  readonly batchSize: number;
  readonly microBatch: number;
  /** Share of the budget over which the batch grows; 0: full from the start. */
  readonly rampShare: number;
}

/** Sequences of a step: from one micro-batch, in whole micro-batches, linearly to the full batch at `rampShare`. */
export function batchSizeAt(progress: number, { batchSize, microBatch, rampShare }: BatchRamp): number {
  if (progress >= rampShare) return batchSize;
  const share = (progress * batchSize) / (rampShare * microBatch);
  return Math.min((Math.floor(share) + 1) * microBatch, batchSize);
}
