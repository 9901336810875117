// A dataset as the loop reads it: batches of the recipe's size with the recipe's masks, by the names of the model's inputs.

import { UserError } from "../base/errors.ts";
import type { Dataset, MaskedBatch } from "../dataset/dataset.ts";
import type { DatasetManifest } from "../dataset/manifest.ts";
import { plainMask } from "../dataset/mask-units.ts";
import { makeTables } from "../model/inputs.ts";
import type { Batch, SequenceSource } from "../objectives/objective.ts";
import { feedObjective } from "../objectives/objectives.ts";
import { countMasked, countMaskedAt, countValidated } from "../objectives/predictions.ts";
import type { BatchSource } from "./batch-queue.ts";
import type { Recipe } from "./recipe.ts";

/** UserErrors: E_DATA_LENGTH and E_DATA_VOCABULARY when the recipe's model does not fit the dataset. */
export function checkFit({ sequenceLength, vocabulary }: DatasetManifest, { model }: Recipe): void {
  if (sequenceLength !== model.sequenceLength) {
    throw new UserError(
      "E_DATA_LENGTH",
      `the dataset has sequences of ${sequenceLength} tokens, the recipe's model reads ${model.sequenceLength}`,
      `Use --set model.sequenceLength=${sequenceLength}, or prepare the text with --sequence-length ${model.sequenceLength}.`,
    );
  }
  if (vocabulary > model.vocabulary) {
    throw new UserError(
      "E_DATA_VOCABULARY",
      `the dataset's tokenizer has ${vocabulary} tokens, the recipe's model ${model.vocabulary}`,
      `Use --set model.vocabulary=${vocabulary}, or prepare the text with --vocabulary ${model.vocabulary}.`,
    );
  }
}

/** Batches of one validation: whole ones alone, but at least one, for a small held-out part repeats to fill it. */
export function countValidationBatches({ data, train }: Recipe, heldOutSequences: number): number {
  const sequences = Math.min(heldOutSequences, data.validationSequences);
  return Math.max(1, Math.floor(sequences / train.microBatchSequences));
}

/** Training sequences `first` to `first + count` of a run, masked as the recipe says at this progress. */
export function readTrainingBatch(
  dataset: Dataset,
  recipe: Recipe,
  first: number,
  count: number,
  progress: number,
): MaskedBatch {
  const mask = { settings: recipe.data.mask ?? plainMask, capacity: countMasked(recipe) };
  return dataset.readTraining(first, count, countMaskedAt(progress, recipe), recipe.train.seed, mask);
}

/** Training sequences `first` to `first + count` of a run as the recipe's objective feeds a micro-batch at this progress. */
function feedTrainingBatch(dataset: Dataset, recipe: Recipe, first: number, count: number, progress: number): Batch {
  const source: SequenceSource = {
    readMasked: (from, count) => readTrainingBatch(dataset, recipe, first + from, count, progress),
    readWhole: (from, count) => dataset.readTraining(first + from, count, 0, recipe.train.seed).tokens,
    isSpecial: token => dataset.isSpecial(token),
  };
  return feedObjective(source, { ...recipe, train: { ...recipe.train, microBatchSequences: count } });
}

/** UserErrors: those of checkFit. */
export function openBatches(dataset: Dataset, recipe: Recipe): BatchSource {
  checkFit(dataset.manifest, recipe);
  const { validation, hash } = dataset.manifest;
  const { model, data, train } = recipe;
  const size = train.microBatchSequences;
  const positionInput = makeTables(model);
  return {
    datasetHash: hash,
    unigramEntropy: dataset.measureUnigramEntropy(Math.min(validation.sequences, data.validationSequences)),
    validationBatches: countValidationBatches(recipe, validation.sequences),
    training: (first, sequences, progress) => ({
      ...feedTrainingBatch(dataset, recipe, first, sequences, progress),
      ...positionInput,
    }),
    isSame: (progress, other) => countMaskedAt(progress, recipe) === countMaskedAt(other, recipe),
    validation: index => ({ ...dataset.readValidation(index * size, size, countValidated(recipe)), ...positionInput }),
  };
}
