// The objectives there are. A line here is all that the rest needs to know of one.

import { z } from "zod";
import { listSchemas } from "../base/listed-schemas.ts";
import type { MaskedBatch } from "../dataset/dataset.ts";
import { countElements, type Tensor } from "../graph/tensor.ts";
import { computeMaskedLoss } from "../model/heads.ts";
import { declareMaskedInputs, makeTables } from "../model/inputs.ts";
import type { Parameters } from "../model/layer-parts.ts";
import type { Parameter } from "../model/parameter.ts";
import { listParameters } from "../model/parameters.ts";
import type { ModelShape } from "../model/shape.ts";
import { adjustCandidates } from "./candidates.ts";
import { electra } from "./electra.ts";
import { lateMasks } from "./late-masks.ts";
import { masked } from "./masked.ts";
import { mixed } from "./mixed.ts";
import type { Batch, Objective, ObjectiveLoss, ObjectiveRecipe, SequenceSource } from "./objective.ts";
import { countValidated } from "./predictions.ts";
import { script } from "./script.ts";
import { tokenDropping } from "./token-dropping.ts";

export const objectives = [masked, mixed, tokenDropping, lateMasks, electra, script] as const;

/** The objective section of a recipe. */
export const objectiveSchema = z.discriminatedUnion("name", listSchemas(objectives));

type ObjectiveSettings = z.infer<typeof objectiveSchema>;

/** A recipe with its objective; without one it is the masked language model. */
export interface ChosenRecipe extends ObjectiveRecipe {
  readonly objective?: ObjectiveSettings;
}

function findObjective({ objective = { name: "masked" } }: ChosenRecipe) {
  const record = objectives.find(({ name }) => name === objective.name) as Objective;
  return { record, settings: objective as never };
}

/** Whether a recipe trains a masked language model and nothing else. */
export const isMasked = (recipe: ChosenRecipe): boolean => findObjective(recipe).record.name === masked.name;

/** What is wrong with a recipe's objective, beginning with the path of what is; undefined where all is well. */
export function findObjectiveFault(recipe: ChosenRecipe) {
  const { record, settings } = findObjective(recipe);
  return record.findFault?.(settings, recipe);
}

/** Why the sequences of a recipe's objective cannot be cut into shorter ones; undefined where they can. */
export function findCutFault(recipe: ChosenRecipe): string | undefined {
  const { record } = findObjective(recipe);
  return record.cutFault && `objective.name ${record.name} ${record.cutFault}`;
}

/** Sequences of the smallest micro-batch that a recipe's objective can be fed with. */
export function findLeastSequences(recipe: ChosenRecipe): number {
  const { record, settings } = findObjective(recipe);
  return record.findLeastSequences?.(settings) ?? 1;
}

/** Sequences of the largest one, without end where any can be. */
export function findMostSequences(recipe: ChosenRecipe): number {
  const { record, settings } = findObjective(recipe);
  return record.findMostSequences?.(settings, recipe) ?? Number.POSITIVE_INFINITY;
}

/** Settings with which the objective of a recipe can be fed, where its vocabulary or length is another than it was made for; empty where it can. */
export function adjustObjective(recipe: ChosenRecipe): string[] {
  const { objective } = recipe;
  if (objective?.name !== "masked" || objective.candidates === undefined) return [];
  return adjustCandidates({ ...objective, candidates: objective.candidates }, recipe);
}

/** A micro-batch of training. */
export function feedObjective(source: SequenceSource, recipe: ChosenRecipe): Batch {
  const { record, settings } = findObjective(recipe);
  return record.feed(source, settings, recipe);
}

/** The loss of a micro-batch, on the inputs that feedObjective gives. */
export function computeObjectiveLoss(parameters: Parameters, recipe: ChosenRecipe): ObjectiveLoss {
  const { record, settings } = findObjective(recipe);
  return record.computeLoss(parameters, settings, recipe);
}

/** A held-out batch as validation reads it. */
export function feedValidation(batch: MaskedBatch, mask: number, recipe: ChosenRecipe): Batch {
  const { record, settings } = findObjective(recipe);
  return record.validation?.feed(batch, mask, settings, recipe) ?? { ...batch };
}

/** Mean cross-entropy of masked tokens, in nats, on what feedValidation gives: of every recipe at one rate of plain masks. */
export function computeValidationLoss(parameters: Parameters, recipe: ChosenRecipe): Tensor {
  const { record, settings } = findObjective(recipe);
  if (record.validation !== undefined) return record.validation.computeLoss(parameters, settings, recipe);
  const { model, train } = recipe;
  const predictions = train.microBatchSequences * countValidated(recipe);
  return computeMaskedLoss(declareMaskedInputs(model, train.microBatchSequences, predictions), parameters, model);
}

/** Whom validation measures, where that is not the model. */
export const findMeasured = (recipe: ChosenRecipe): string | undefined =>
  findObjective(recipe).record.validation?.subject;

/** All that a recipe trains, in the order of the initialisation's random numbers. */
export function listTrained(recipe: ChosenRecipe): readonly Parameter[] {
  const { record, settings } = findObjective(recipe);
  return record.listParameters?.(settings, recipe) ?? listParameters(recipe.model);
}

export const countTrained = (recipe: ChosenRecipe): number =>
  listTrained(recipe).reduce((total, { shape }) => total + countElements(shape), 0);

/** The values of all tables that a recipe's graphs read, by the names of their inputs. */
export function makeTrainedTables(recipe: ChosenRecipe): Readonly<Record<string, Float32Array>> {
  const { record, settings } = findObjective(recipe);
  const { model, cut = 1 } = recipe;
  return { ...makeTables(model, model.sequenceLength / cut), ...record.makeTables?.(settings, recipe) };
}

/** The shape that a trained model is read with, out of all that was trained. */
export function findTrainedShape(recipe: ChosenRecipe): ModelShape {
  const { record } = findObjective(recipe);
  return record.trainedShape?.(recipe.model) ?? recipe.model;
}

/** The parameters of the head by which a trained model tells replaced tokens; none for most. */
export const listTrainedDiscriminator = (recipe: ChosenRecipe): readonly Parameter[] =>
  findObjective(recipe).record.listDiscriminator?.(recipe.model) ?? [];

/** Why a recipe's model, once trained, predicts no tokens when it is read by itself; undefined where it does. */
export const findHeadFault = (recipe: ChosenRecipe): string | undefined => findObjective(recipe).record.headFault;

/** What a recipe's objective remembers; undefined for most. */
export function findObjectiveMemory(recipe: ChosenRecipe) {
  const { record, settings } = findObjective(recipe);
  const { memory } = record;
  return (
    memory && {
      states: memory.listStates(settings, recipe),
      seen: memory.listSeen(settings, recipe),
      update: (seen: Readonly<Record<string, Tensor>>) => memory.update(seen, settings, recipe),
    }
  );
}

/**
 * Floating-point operations of training on one token: matrix products only, 2 an element and 3 passes. Predictions are counted at the
 * places that there are for them.
 */
export function countTokenFlops(recipe: ChosenRecipe): number {
  const { record, settings } = findObjective(recipe);
  return record.countFlops(settings, recipe);
}
