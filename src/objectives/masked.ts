// The masked language model: some tokens are hidden or changed, and predicted from all others.

import { z } from "zod";
import { computeMaskedLoss } from "../model/heads.ts";
import { declareMaskedInputs } from "../model/inputs.ts";
import { countTrainingFlops } from "../model/parameters.ts";
import type { Objective } from "./objective.ts";
import { countMasked, decodedShare, mayLackPredictions } from "./predictions.ts";

const schema = z.strictObject({ name: z.literal("masked") });

/** data says how much is masked and how, loss what a prediction costs. */
export const masked = {
  name: "masked",
  summary: "masked tokens are predicted from all others",
  source: "Devlin et al. 2019, arXiv 1810.04805",
  schema,
  feed: (source, _, { train }) => ({ ...source.readMasked(0, train.microBatchSequences) }),
  computeLoss: (parameters, _, { model, data, loss, train }) => {
    const { microBatchSequences: sequences } = train;
    const inputs = declareMaskedInputs(model, sequences, sequences * countMasked({ model, data }));
    return { loss: computeMaskedLoss(inputs, parameters, model, { loss, hasGaps: mayLackPredictions(data) }) };
  },
  countFlops: (_, recipe) => countTrainingFlops(recipe.model, decodedShare(recipe)),
} as const satisfies Objective<z.infer<typeof schema>>;
