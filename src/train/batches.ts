// A dataset as the loop reads it: batches of the recipe's size with the recipe's masks, by the names of the model's inputs.

import { UserError } from "../base/errors.ts";
import type { Dataset } from "../dataset/dataset.ts";
import { makePositionInput } from "../model/inputs.ts";
import { countMasked } from "./definition.ts";
import type { BatchSource } from "./pretrain.ts";
import type { Recipe } from "./recipe.ts";

/** UserErrors: E_DATA_LENGTH and E_DATA_VOCABULARY when the recipe's model does not fit the dataset. */
export function openBatches(dataset: Dataset, recipe: Recipe): BatchSource {
  const { sequenceLength, vocabulary, validation, hash } = dataset.manifest;
  const { model, data, train } = recipe;
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
  const predictions = countMasked(recipe);
  const size = train.microBatchSequences;
  const validationSequences = Math.min(validation.sequences, data.validationSequences);
  const positionInput = makePositionInput(model);
  return {
    datasetHash: hash,
    unigramEntropy: dataset.measureUnigramEntropy(validationSequences),
    // Whole batches alone, but at least one: a small held-out part repeats to fill it.
    validationBatches: Math.max(1, Math.floor(validationSequences / size)),
    training: (first, sequences) => ({
      ...dataset.readTraining(first, sequences, predictions, train.seed),
      ...positionInput,
    }),
    validation: index => ({ ...dataset.readValidation(index * size, size, predictions), ...positionInput }),
  };
}
