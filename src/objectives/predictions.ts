// How many tokens of a sequence are predicted: of training's, at each moment of the budget, and of validation's, always the same.

import { fillsCapacity } from "../dataset/mask.ts";
import { type MaskSettings, plainMask } from "../dataset/mask-units.ts";
import { type ValueSchedule, valueAt } from "../optim/schedule.ts";

/** What a recipe says of it. */
export interface PredictionSettings {
  readonly maskFraction: number;
  readonly finalMaskFraction?: number;
  readonly maskSchedule?: ValueSchedule;
  readonly mask?: MaskSettings;
}

interface PredictedRecipe {
  readonly data: PredictionSettings;
  readonly model: { readonly sequenceLength: number };
}

/** Share of positions that are predicted at this progress, 0 to 1. */
export function maskFractionAt(progress: number, data: PredictionSettings): number {
  const { maskFraction, finalMaskFraction = maskFraction, maskSchedule } = data;
  return maskSchedule === undefined
    ? maskFraction + Math.min(1, progress) * (finalMaskFraction - maskFraction)
    : valueAt(progress, maskFraction, maskSchedule);
}

/** Positions predicted in each sequence at this progress, 0 to 1. */
export const countMaskedAt = (progress: number, { data, model }: PredictedRecipe): number =>
  Math.round(maskFractionAt(progress, data) * model.sequenceLength);

/** Places for predictions in each sequence: a program has one number of them for the whole budget. */
export const countMasked = (recipe: PredictedRecipe): number =>
  Math.max(Math.round(recipe.data.maskFraction * recipe.model.sequenceLength), countMaskedAt(1, recipe));

/** Share of the positions that are decoded, which where the share of predictions changes is the larger end's all along. */
export const decodedShare = ({ data: { maskFraction, finalMaskFraction = maskFraction } }: PredictedRecipe): number =>
  Math.max(maskFraction, finalMaskFraction);

/** Whether a sequence may have fewer predictions than there are places for them. */
export const mayLackPredictions = ({
  finalMaskFraction,
  maskSchedule,
  mask = plainMask,
}: PredictionSettings): boolean =>
  finalMaskFraction !== undefined || maskSchedule !== undefined || !fillsCapacity(mask);

/**
 * Share of positions that validation masks, the paper's, and always with its 80/10/10: validation losses of models with one vocabulary
 * can be compared, whatever each was trained on.
 */
const validationMaskFraction = 0.25;

/** Positions predicted in each held-out sequence. */
export function countValidated({ model }: Pick<PredictedRecipe, "model">): number {
  return Math.max(1, Math.round(validationMaskFraction * model.sequenceLength));
}
