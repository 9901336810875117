// The masked language model: some tokens are hidden or changed, and predicted from all others.

import { z } from "zod";
import { computeMaskedLoss } from "../model/heads.ts";
import { countTrainingFlops } from "../model/parameters.ts";
import { embeddingWidthOf } from "../model/shape.ts";
import {
  declareCandidates,
  drawByShares,
  drawCandidates,
  findCandidatesFault,
  findMostSequences,
  proposeByCounts,
} from "./candidates.ts";
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
  candidatePower: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe(
      "candidates that are not predicted are drawn in proportion to how often a token occurs to this power, 0.75 in Mikolov et al. 2013, arXiv 1310.4546; without it uniformly",
    ),
});

/** data says how much is masked and how, loss what a prediction costs. */
export const masked = {
  name: "masked",
  summary: "masked tokens are predicted from all others",
  source: "Devlin et al. 2019, arXiv 1810.04805",
  schema,
  feed: (source, { candidates, candidatePower }, { train, model }) => {
    const batch = source.readMasked(0, train.microBatchSequences);
    if (candidates === undefined) return { ...batch };
    const { vocabulary } = model;
    if (candidatePower === undefined)
      return { ...batch, ...drawCandidates(batch.labels, vocabulary, candidates, source.seed) };
    const proposal = proposeByCounts(source.countTokens(), vocabulary, candidatePower);
    return { ...batch, ...drawByShares(batch.labels, proposal, candidates, source.seed) };
  },
  computeLoss: (parameters, { candidates: count, candidatePower }, recipe) => {
    const { model, data, loss } = recipe;
    const candidates =
      count === undefined ? undefined : declareCandidates(count, model.vocabulary, candidatePower !== undefined);
    const options = { loss, hasGaps: mayLackPredictions(data), candidates };
    return { loss: computeMaskedLoss(declareMaskedBatch(recipe), parameters, model, options) };
  },
  countFlops: ({ candidates }, recipe) => {
    const { model } = recipe;
    const leftOut = candidates === undefined ? 0 : model.vocabulary - candidates;
    const decoded = decodedShare(recipe);
    return countTrainingFlops(model, decoded) - 6 * decoded * leftOut * embeddingWidthOf(model);
  },
  findMostSequences: ({ candidates }, recipe) =>
    candidates === undefined ? Number.POSITIVE_INFINITY : findMostSequences({ candidates }, recipe),
  findFault: ({ candidates, candidatePower }, recipe) => {
    if (candidates !== undefined) return findCandidatesFault({ candidates, candidatePower }, recipe);
    if (candidatePower === undefined) return undefined;
    const message = "objective.candidatePower changes nothing without objective.candidates";
    return { message, advice: "Set objective.candidates, or leave it out." };
  },
} as const satisfies Objective<z.infer<typeof schema>>;
