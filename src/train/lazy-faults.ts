// Lazy updates of the embedding in a recipe: what they cannot stand beside, which ends those of a recipe that is changed, and how many rows a
// step touches at most.

import { type ChosenRecipe, isMasked } from "../objectives/objectives.ts";
import type { LazyRows } from "../optim/lazy-rows.ts";
import { findRowsFault, type OptimizerSettings } from "../optim/optimizers.ts";
import { findProbe } from "../optim/probe.ts";

/** What of a recipe these are of. */
interface LazyRecipe extends ChosenRecipe {
  readonly optimizer: OptimizerSettings;
  readonly schedule: { readonly batchSequences: number; readonly batchRule?: object };
  readonly train: ChosenRecipe["train"] & { readonly sync?: object };
}

const countCandidates = ({ model, objective }: LazyRecipe) =>
  model.decoder.tied && objective?.name === "masked" ? objective.candidates : undefined;

/** Each token of a step's micro-batches and each candidate may be a row of its own, and no more than there are. */
export function listLazyRows(recipe: LazyRecipe): LazyRows {
  const { model, schedule, train } = recipe;
  const microBatches = Math.ceil(schedule.batchSequences / train.microBatchSequences);
  const candidates = countCandidates(recipe);
  const ofOne = train.microBatchSequences * model.sequenceLength + (candidates ?? 0);
  return {
    most: Math.min(model.vocabulary, microBatches * ofOne),
    readBy: candidates === undefined ? ["tokens"] : ["tokens", "candidates"],
  };
}

/** Why a recipe's update of the embedding cannot be lazy, beginning with the option's path; undefined where it can, or is not asked for. */
export function findLazyFault(recipe: LazyRecipe) {
  const { model, objective, optimizer, schedule, train } = recipe;
  if (optimizer.lazyEmbedding !== true) return undefined;
  const path = "optimizer.lazyEmbedding";
  if (!isMasked(recipe)) {
    const message = `${path} must know which rows a step reads, and objective.name is ${objective!.name}`;
    return { message, advice: "Leave it out, or set objective.name=masked." };
  }
  if (model.decoder.tied && countCandidates(recipe) === undefined) {
    const message = `${path} changes nothing: a head of the whole vocabulary, tied to the embedding, touches every row`;
    return { message, advice: "Set objective.candidates, or leave it out." };
  }
  const others = {
    "schedule.batchRule": schedule.batchRule !== undefined,
    "train.sync": train.sync !== undefined,
    "optimizer.name": findProbe(optimizer) !== undefined,
  };
  const clashing = Object.entries(others).find(([, isSet]) => isSet)?.[0];
  if (clashing === undefined) return undefined;
  const message = `${path} must know a step's micro-batches before its first, and gradients of the embedding row by row; ${clashing} wants another`;
  return { message, advice: "Leave out one of the two." };
}

/**
 * What stands in the way of the lazy update that a recipe has, in a changed one that was given none of its own; undefined where nothing does. The
 * changed one is to go without.
 */
export function findLazyEnd(before: LazyRecipe, changed: LazyRecipe): string | undefined {
  const find = (recipe: LazyRecipe) => {
    const lazy = { ...recipe, optimizer: { ...recipe.optimizer, lazyEmbedding: true } };
    return findRowsFault(lazy.optimizer) ?? findLazyFault(lazy);
  };
  if (before.optimizer.lazyEmbedding !== true || find(before) !== undefined) return undefined;
  return find(changed)?.message.replace(/^(optimizer\.)?lazyEmbedding/, "it");
}
