// What a recipe trains: its model's masked loss and its optimizer's update, in the form step.ts runs.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
import type { Parameters } from "../model/encoder.ts";
import { computeMaskedLoss } from "../model/heads.ts";
import { initialiseParameter } from "../model/initialise.ts";
import { declareMaskedInputs } from "../model/inputs.ts";
import { listParameters } from "../model/parameters.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../optim/update.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainingDefinition } from "./step.ts";

/** Positions predicted in each sequence. */
export function countMasked({ data, model }: Recipe): number {
  return Math.round(data.maskFraction * model.sequenceLength);
}

/**
 * Share of positions that validation masks, the paper's, and always with its 80/10/10: validation losses of models with one vocabulary
 * can be compared, whatever each was trained on.
 */
const validationMaskFraction = 0.25;

/** Positions predicted in each held-out sequence. */
export function countValidated({ model }: Recipe): number {
  return Math.max(1, Math.round(validationMaskFraction * model.sequenceLength));
}

/** Parameters begin as `initial` has them by name; without it they are drawn. */
export function defineTraining(recipe: Recipe, initial?: ReadonlyMap<string, StoredTensor>): TrainingDefinition {
  const { model, optimizer, train } = recipe;
  const listed = listParameters(model);
  const measureLoss = (parameters: Parameters, masked: number, loss: Recipe["loss"]) => {
    const sequences = train.microBatchSequences;
    const inputs = declareMaskedInputs(model, sequences, sequences * masked);
    return computeMaskedLoss(inputs, parameters, model, undefined, loss);
  };
  return {
    parameters: new Map(listed.map(({ name, shape }) => [name, shape] as const)),
    moments: listMoments(listed, optimizer),
    loss: parameters => measureLoss(parameters, countMasked(recipe), recipe.loss),
    validationLoss: parameters => measureLoss(parameters, countValidated(recipe), undefined),
    update: (parameters, gradients) => buildUpdate(listed, optimizer, parameters, gradients),
    scheduleInputs: ({ step, rateScale }) => scheduleInputs(optimizer, step, rateScale),
    initialise: name => {
      if (initial !== undefined) return initial.get(name)!.read();
      const index = listed.findIndex(parameter => parameter.name === name);
      return initialiseParameter(listed[index]!, index, train.seed);
    },
  };
}
