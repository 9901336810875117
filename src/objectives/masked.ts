// The masked language model: some tokens are hidden or changed, and predicted from all others.

import { z } from "zod";
import { computeMaskedLoss } from "../model/heads.ts";
import { countTrainingFlops } from "../model/parameters.ts";
import { embeddingWidthOf } from "../model/shape.ts";
import { declareCandidates, drawCandidates, findCandidatesFault } from "./candidates.ts";
import { declareMaskedBatch } from "./masked-batch.ts";
import type { Objective } from "./objective.ts";
import { decodedShare, mayLackPredictions } from "./predictions.ts";

const schema = z.strictObject({
  name: z.literal("masked"),
  candidates: z
    .number()
    .int()
    .min(2, "from 2 on; null leaves it out, and a prediction is told apart from the whole vocabulary")
    .max(2 ** 20)
    .optional()
    .describe("tokens that a predicted one is told apart from in training; without it the whole vocabulary"),
});

/** data says how much is masked and how, loss what a prediction costs. */
export const masked = {
  name: "masked",
  summary: "masked tokens are predicted from all others",
  source: "Devlin et al. 2019, arXiv 1810.04805",
  schema,
  feed: (source, { candidates }, { train, model }) => {
    const batch = source.readMasked(0, train.microBatchSequences);
    if (candidates === undefined) return { ...batch };
    return { ...batch, ...drawCandidates(batch.labels, model.vocabulary, candidates, source.seed) };
  },
  computeLoss: (parameters, { candidates: count }, recipe) => {
    const { model, data, loss } = recipe;
    const candidates = count === undefined ? undefined : declareCandidates(count);
    const options = { loss, hasGaps: mayLackPredictions(data), candidates };
    return { loss: computeMaskedLoss(declareMaskedBatch(recipe), parameters, model, options) };
  },
  countFlops: ({ candidates }, recipe) => {
    const { model } = recipe;
    const leftOut = candidates === undefined ? 0 : model.vocabulary - candidates;
    const decoded = decodedShare(recipe);
    return countTrainingFlops(model, decoded) - 6 * decoded * leftOut * embeddingWidthOf(model);
  },
  findFault: ({ candidates }, recipe) =>
    candidates === undefined ? undefined : findCandidatesFault(candidates, recipe),
} as const satisfies Objective<z.infer<typeof schema>>;
