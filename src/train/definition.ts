// What a recipe trains: its model's masked loss and its optimizer's update, in the form step.ts runs.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
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

/** Parameters begin as `initial` has them by name; without it they are drawn. */
export function defineTraining(recipe: Recipe, initial?: ReadonlyMap<string, StoredTensor>): TrainingDefinition {
  const { model, optimizer, train } = recipe;
  const listed = listParameters(model);
  return {
    parameters: new Map(listed.map(({ name, shape }) => [name, shape] as const)),
    moments: listMoments(listed, optimizer),
    loss: parameters => {
      const sequences = train.microBatchSequences;
      return computeMaskedLoss(
        declareMaskedInputs(model, sequences, sequences * countMasked(recipe)),
        parameters,
        model,
      );
    },
    update: (parameters, gradients) => buildUpdate(listed, optimizer, parameters, gradients),
    scheduleInputs: ({ step, rateScale }) => scheduleInputs(optimizer, step, rateScale),
    initialise: name => {
      if (initial !== undefined) return initial.get(name)!.read();
      const index = listed.findIndex(parameter => parameter.name === name);
      return initialiseParameter(listed[index]!, index, train.seed);
    },
  };
}
