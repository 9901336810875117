// The masked language model: some tokens are hidden or changed, and predicted from all others.

import { z } from "zod";
import { computeMaskedLoss } from "../model/heads.ts";
import { countTrainingFlops } from "../model/parameters.ts";
import { declareMaskedBatch } from "./masked-batch.ts";
import type { Objective } from "./objective.ts";
import { decodedShare, mayLackPredictions } from "./predictions.ts";

const schema = z.strictObject({ name: z.literal("masked") });

/** data says how much is masked and how, loss what a prediction costs. */
export const masked = {
  name: "masked",
  summary: "masked tokens are predicted from all others",
  source: "Devlin et al. 2019, arXiv 1810.04805",
  schema,
  feed: (source, _, { train }) => ({ ...source.readMasked(0, train.microBatchSequences) }),
  computeLoss: (parameters, _, recipe) => {
    const { model, data, loss } = recipe;
    const options = { loss, hasGaps: mayLackPredictions(data) };
    return { loss: computeMaskedLoss(declareMaskedBatch(recipe), parameters, model, options) };
  },
  countFlops: (_, recipe) => countTrainingFlops(recipe.model, decodedShare(recipe)),
} as const satisfies Objective<z.infer<typeof schema>>;
