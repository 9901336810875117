// What a recipe trains: its objective's loss and its optimizer's update, in the form step.ts runs.

import type { StoredTensor } from "../checkpoint/safetensors.ts";
import type { Shape, Tensor, TensorType } from "../graph/tensor.ts";
import { computeSampledLoss } from "../model/heads.ts";
import { initialiseParameter } from "../model/initialise.ts";
import { declareMaskedInputs } from "../model/inputs.ts";
import type { Parameters } from "../model/layer-parts.ts";
import type { ModelShape } from "../model/shape.ts";
import {
  computeObjectiveLoss,
  computeValidationLoss,
  findObjectiveMemory,
  listTrained,
} from "../objectives/objectives.ts";
import { countMasked } from "../objectives/predictions.ts";
import {
  averageParameters,
  listAverageStates,
  takeIntoAverage,
  type WeightAverageSettings,
} from "../optim/averages.ts";
import { lazyParameter } from "../optim/lazy-rows.ts";
import { buildProbe, findInterval, findProbe, type ProbedLosses } from "../optim/probe.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../optim/update.ts";
import { listLazyRows } from "./lazy-faults.ts";
import { nameOuter } from "./ranks/local-steps.ts";
import { shareUpdate, type UpdateShare } from "./ranks/share-update.ts";
import type { Recipe } from "./recipe.ts";
import { listLengths, scheduleValues } from "./scheduled-values.ts";
import type { TrainingDefinition } from "./step/training-definition.ts";

/**
 * Parameters begin as `initial` has them by name; what it has not is drawn. With a share the moments and the update are those of one rank
 * of several.
 */
export function defineTraining(
  recipe: Recipe,
  initial?: ReadonlyMap<string, StoredTensor>,
  share?: UpdateShare,
): TrainingDefinition {
  const { optimizer, train, data } = recipe;
  const separated = { separateDocuments: data.separateDocuments };
  /** Validation leaves out no layer. */
  const model: ModelShape = { ...recipe.model, training: separated };
  const { layerDrop, residualGradient } = train;
  const trained = { ...recipe, model: { ...model, training: { ...separated, layerDrop, residualGradient } } };
  const listed = listTrained(recipe);
  const labels = train.microBatchSequences * countMasked(recipe);
  const declareInputs = () => declareMaskedInputs(trained.model, train.microBatchSequences, labels);
  const losses: ProbedLosses = {
    loss: parameters => computeObjectiveLoss(parameters, trained).loss,
    sampledLoss: (parameters, seed) => computeSampledLoss(declareInputs(), parameters, trained.model, seed),
    labels,
  };
  /** The loss of the same tokens in sequences of this length. */
  const measureCut = (parameters: Parameters, length: number): Tensor =>
    computeObjectiveLoss(parameters, { ...trained, cut: model.sequenceLength / length }).loss;
  const probe = findProbe(optimizer);
  const memory = findObjectiveMemory(recipe);
  const shared = share && shareUpdate(recipe, share.size);
  const isOwn = ({ name }: { readonly name: string }) =>
    shared === undefined || shared.owners.get(name) === share!.rank;
  const updated = listed.filter(isOwn);
  const updatedNames = shared && new Set(updated.map(({ name }) => name));
  const definition: TrainingDefinition = {
    parameters: new Map(listed.map(({ name, shape }) => [name, shape] as const)),
    moments: new Map([...listMoments(updated, optimizer), ...asNumbers(memory?.states ?? new Map())]),
    loss: losses.loss,
    cutLosses: new Map(
      listLengths(recipe)
        .slice(1)
        .map(length => [model.sequenceLength / length, parameters => measureCut(parameters, length)] as const),
    ),
    observations: memory && { shapes: memory.seen, compute: parameters => computeObjectiveLoss(parameters, trained) },
    validationLoss: parameters => computeValidationLoss(parameters, { ...recipe, model }),
    interval: findInterval(optimizer),
    isOfOne: recipe.schedule.batchSequences <= train.microBatchSequences,
    recomputes: train.recompute,
    measuresGradients: recipe.schedule.batchRule !== undefined,
    probe: probe && {
      gradients: (parameters, gradients, seed) => buildProbe(probe, optimizer, losses, parameters, gradients, seed),
      scaling: probe === "sampled" ? "independent" : "mean",
    },
    update: (parameters, gradients, kind) => {
      const { updates, gradientNorm } = buildUpdate(
        listed,
        optimizer,
        parameters,
        gradients,
        { ...kind, updated: updatedNames },
        scheduleValues(0, recipe),
      );
      return { updates: { ...updates, ...memory?.update(kind.seen) }, gradientNorm };
    },
    scheduleInputs: ({ step, rateScale, progress = 0 }) =>
      scheduleInputs(optimizer, step, rateScale, scheduleValues(progress, recipe)),
    initialise: (name, place, drawer) => {
      const begun = initial?.get(name);
      if (begun !== undefined) return begun.read();
      const index = listed.findIndex(parameter => parameter.name === name);
      return initialiseParameter(listed[index]!, index, train.seed, place, drawer);
    },
    lazy: optimizer.lazyEmbedding === true ? { parameter: lazyParameter, ...listLazyRows(recipe) } : undefined,
    shared,
  };
  const averaged = recipe.average === undefined ? definition : averageTraining(definition, recipe.average);
  if (train.sync === undefined) return averaged;
  const outer = new Map(Array.from(definition.parameters, ([name, shape]) => [nameOuter(name), shape]));
  return { ...averaged, moments: new Map([...averaged.moments, ...asNumbers(outer)]) };
}

const asNumbers = (shapes: ReadonlyMap<string, Shape>): Map<string, TensorType> =>
  new Map([...shapes].map(([name, shape]) => [name, { shape, dtype: "f32" }]));

/** The same training with an average of its parameters kept beside it. */
export function averageTraining(definition: TrainingDefinition, settings: WeightAverageSettings): TrainingDefinition {
  return {
    ...definition,
    moments: new Map([...definition.moments, ...asNumbers(listAverageStates(definition.parameters, settings))]),
    average: {
      take: parameters => takeIntoAverage(parameters, settings),
      read: parameters => averageParameters(parameters, settings),
    },
  };
}
