// A micro-batch of masked tokens as a graph reads it, whole sequences or the equal pieces that a length curriculum cuts them into.

import { declareEncoderInputs, declarePredictions, type MaskedInputs } from "../model/inputs.ts";
import type { ObjectiveRecipe } from "./objective.ts";
import { countMasked } from "./predictions.ts";

/** Inputs of a micro-batch's masked tokens, whose sequences may be pieces; with a shape and prefix those of a network beside the model. */
export function declareMaskedBatch(recipe: ObjectiveRecipe, shape = recipe.model, prefix = ""): MaskedInputs {
  const { model, train, cut = 1 } = recipe;
  const { microBatchSequences: B } = train;
  return {
    ...declareEncoderInputs(shape, B * cut, model.sequenceLength / cut, "full", prefix),
    // Pieces have as many predictions as they happen to.
    ...declarePredictions(B * countMasked(recipe), cut === 1 ? B : undefined),
  };
}
