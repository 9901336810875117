// What a recipe trains: its model's masked loss and its optimizer's update, in the form step.ts runs.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
import { computeMaskedLoss, computeSampledLoss } from "../model/heads.ts";
import { initialiseParameter } from "../model/initialise.ts";
import { declareMaskedInputs } from "../model/inputs.ts";
import type { Parameters } from "../model/layer-parts.ts";
import { listParameters } from "../model/parameters.ts";
import {
  averageParameters,
  listAverageStates,
  takeIntoAverage,
  type WeightAverageSettings,
} from "../optim/averages.ts";
import { buildProbe, findInterval, findProbe, type ProbedLosses } from "../optim/probe.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../optim/update.ts";
import { mayLackPredictions, type Recipe } from "./recipe.ts";
import type { TrainingDefinition } from "./step.ts";

/** Positions predicted in each sequence at this progress, 0 to 1. */
export function countMaskedAt(progress: number, { data, model }: Recipe): number {
  const { maskFraction, finalMaskFraction = maskFraction } = data;
  const share = maskFraction + Math.min(1, progress) * (finalMaskFraction - maskFraction);
  return Math.round(share * model.sequenceLength);
}

/** Places for predictions in each sequence: a program has one number of them for the whole budget. */
export const countMasked = (recipe: Recipe): number => Math.max(countMaskedAt(0, recipe), countMaskedAt(1, recipe));

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
  const declareInputs = (masked: number) =>
    declareMaskedInputs(model, train.microBatchSequences, train.microBatchSequences * masked);
  const measureLoss = (parameters: Parameters, masked: number, loss: Recipe["loss"], hasGaps: boolean) =>
    computeMaskedLoss(declareInputs(masked), parameters, model, { loss, hasGaps });
  const masked = countMasked(recipe);
  const losses: ProbedLosses = {
    loss: parameters => measureLoss(parameters, masked, recipe.loss, mayLackPredictions(recipe.data)),
    sampledLoss: (parameters, seed) => computeSampledLoss(declareInputs(masked), parameters, model, seed),
    labels: train.microBatchSequences * masked,
  };
  const probe = findProbe(optimizer);
  const definition: TrainingDefinition = {
    parameters: new Map(listed.map(({ name, shape }) => [name, shape] as const)),
    moments: listMoments(listed, optimizer),
    loss: losses.loss,
    validationLoss: parameters => measureLoss(parameters, countValidated(recipe), undefined, false),
    interval: findInterval(optimizer),
    probe: probe && {
      gradients: (parameters, gradients, seed) => buildProbe(probe, optimizer, losses, parameters, gradients, seed),
      scaling: probe === "sampled" ? "independent" : "mean",
    },
    update: (parameters, gradients, kind) => buildUpdate(listed, optimizer, parameters, gradients, kind),
    scheduleInputs: ({ step, rateScale }) => scheduleInputs(optimizer, step, rateScale),
    initialise: name => {
      if (initial !== undefined) return initial.get(name)!.read();
      const index = listed.findIndex(parameter => parameter.name === name);
      return initialiseParameter(listed[index]!, index, train.seed);
    },
  };
  return recipe.average === undefined ? definition : averageTraining(definition, recipe.average);
}

/** The same training with an average of its parameters kept beside it. */
export function averageTraining(definition: TrainingDefinition, settings: WeightAverageSettings): TrainingDefinition {
  return {
    ...definition,
    moments: new Map([...definition.moments, ...listAverageStates(definition.parameters, settings)]),
    average: {
      take: parameters => takeIntoAverage(parameters, settings),
      read: parameters => averageParameters(parameters, settings),
    },
  };
}
