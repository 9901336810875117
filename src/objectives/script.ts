// SCRIPT: one network that fills what is masked and criticises what it filled. It is its own discriminator without a parameter more: the
// log of the sum of a place's exponentiated logits is the logit of the token there having been replaced. The reference takes whatever
// differs from the masked text for replaced; here it is what differs from the text itself, as in ELECTRA.

import { z } from "zod";
import { add, multiply } from "../graph/operations.ts";
import { encode } from "../model/encoder.ts";
import { computeLogTotals } from "../model/heads.ts";
import { countTrainingFlops } from "../model/parameters.ts";
import { declareMaskedBatch } from "./masked-batch.ts";
import type { Objective } from "./objective.ts";
import { decodedShare, mayLackPredictions } from "./predictions.ts";
import { feedReplaced, measureDetection, replaceTokens } from "./replaced-tokens.ts";

const schema = z.strictObject({
  name: z.literal("script"),
  criticWeight: z.number().gt(0).max(1e4).default(1).describe("weight of telling replaced tokens"),
});

export const script = {
  name: "script",
  summary: "masked tokens are predicted, and the same network tells what it replaced by the size of its logits",
  source: "Nijkamp et al. 2021, SCRIPT, NAACL; Geiping & Goldstein 2022",
  schema,
  feed: (source, _, { train }) => feedReplaced(source, train.microBatchSequences),
  computeLoss: (parameters, { criticWeight }, recipe) => {
    const { model, data, loss } = recipe;
    const inputs = declareMaskedBatch(recipe);
    const options = { loss, hasGaps: mayLackPredictions(data) };
    const rows = encode(inputs, parameters, model, { rows: inputs.positions });
    const filled = replaceTokens(rows, inputs, parameters, model, options);
    const hidden = encode({ ...inputs, tokens: filled.tokens }, parameters, model);
    const detection = measureDetection(computeLogTotals(hidden, parameters, model), filled.isReplaced);
    return { loss: add(filled.loss, multiply(detection, criticWeight)) };
  },
  countFlops: (_, recipe) =>
    countTrainingFlops(recipe.model, decodedShare(recipe)) + countTrainingFlops(recipe.model, 1),
} as const satisfies Objective<z.infer<typeof schema>>;
