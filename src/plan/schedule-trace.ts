// What a run's schedule does, sampled over its progress: for drawing, and for programs that draw.

import { maskFractionAt } from "../objectives/predictions.ts";
import { batchSizeAt, rateAt, valueAt } from "../optim/schedule.ts";
import type { Recipe } from "../train/recipe.ts";
import { lengthAt, listScheduled } from "../train/scheduled-values.ts";

export interface SchedulePoint {
  /** 0 to 1. */
  readonly progress: number;
  /** Share of the peak rates. */
  readonly rateScale: number;
  readonly batchSequences: number;
  /** Values that have a schedule of their own, by the paths of what they change. */
  readonly values: Readonly<Record<string, number>>;
}

export interface ScheduleTrace {
  readonly recipe: string;
  /** Name of the schedule. */
  readonly schedule: string;
  /** Peak learning rates by the names of their settings. */
  readonly peakRates: Readonly<Record<string, number>>;
  readonly points: readonly SchedulePoint[];
}

/** `intervals` + 1 points at equal distances, the ends included. */
export function traceSchedule(recipe: Recipe, intervals: number): ScheduleTrace {
  const { schedule, train, optimizer } = recipe;
  const isRate = ([name]: readonly [string, unknown]) => /^(l|.+L)earningRate$/.test(name);
  const points = Array.from({ length: intervals + 1 }, (_, i) => {
    const progress = i / intervals;
    const batchSequences = batchSizeAt(progress, { ...schedule, ...train });
    const scheduled = listScheduled(recipe).map(({ path, most, schedule }) => [
      most.path,
      path === "schedule.sequenceLength" ? lengthAt(progress, recipe) : valueAt(progress, most.value, schedule),
    ]);
    const { finalMaskFraction } = recipe.data;
    const masked =
      finalMaskFraction === undefined ? {} : { "data.maskFraction": maskFractionAt(progress, recipe.data) };
    const values = { ...(Object.fromEntries(scheduled) as Record<string, number>), ...masked };
    return { progress, rateScale: rateAt(progress, schedule), batchSequences, values };
  });
  return {
    recipe: recipe.name,
    schedule: schedule.learningRate,
    peakRates: Object.fromEntries(Object.entries(optimizer).filter(isRate)) as Record<string, number>,
    points,
  };
}
