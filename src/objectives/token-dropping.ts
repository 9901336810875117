// Token dropping: a masked language model whose middle layers see only the tokens that are worth it. Those are the ones that the model
// finds hard: of each token of the vocabulary it keeps the running mean of the loss that predicting it had. What must be predicted,
// and what stands for no text, is never dropped. Validation and all that reads the model afterwards drop nothing.
//
// B sequences of S tokens, of which K are kept, T = B·S, P predictions, V tokens of the vocabulary.

import { z } from "zod";
import { countOf } from "../base/printable.ts";
import {
  add,
  cast,
  divide,
  equal,
  fill,
  gather,
  input,
  iota,
  less,
  maximum,
  multiply,
  reshape,
  scatterAdd,
  select,
  state,
  subtract,
  sum,
} from "../graph/operations.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { encode } from "../model/encoder.ts";
import { averageLosses, computeRowLosses } from "../model/heads.ts";
import { declareMaskedInputs } from "../model/inputs.ts";
import { countTrainingFlops, leaveRead } from "../model/parameters.ts";
import { countDepths, type ModelShape } from "../model/shape.ts";
import { findDetourFault } from "./detour-faults.ts";
import type { Objective } from "./objective.ts";
import { countMasked, decodedShare, mayLackPredictions } from "./predictions.ts";

const schema = z.strictObject({
  name: z.literal("token-dropping"),
  kept: z.number().gt(0).lt(1).default(0.5).describe("share of a sequence's tokens that go through the middle layers"),
  firstLayers: z
    .number()
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe("layers before them, which see all tokens; 0: one less than half of all"),
  lastLayers: z.number().int().min(1).max(256).default(1).describe("layers behind them, which see all tokens"),
  lossDecay: z.number().min(0).lt(1).default(0.995).describe("share of a token's mean loss that a step leaves"),
});

type Settings = z.infer<typeof schema>;

/** The mean loss, in nats, of a token that was not predicted yet, so that it counts as hard. */
const firstLoss = 10;
/** Above every loss. */
const always = 1e4;
/** Of each token, less firstLoss: states begin at zero. */
const tokenLoss = "objective.tokenLoss";

/** Depths on the detour: in the first of them the kept tokens still see all others. */
function findLayers({ firstLayers, lastLayers }: Settings, model: ModelShape) {
  const depths = countDepths(model);
  return { from: firstLayers > 0 ? firstLayers : Math.max(0, Math.floor(depths / 2) - 1), to: depths - lastLayers };
}

const countKept = ({ kept }: Settings, { sequenceLength }: ModelShape) => Math.round(kept * sequenceLength);

/** (B·K) i32: rows of the K largest of each sequence's values (B, S), ascending; of equal ones the first. */
export function chooseRows(values: Tensor, kept: number): Tensor {
  const [B, S] = values.shape as [number, number];
  const [own, other] = [reshape(values, [B, S, 1]), reshape(values, [B, 1, S])];
  const isBefore = less(reshape(iota(S), [1, 1, S]), reshape(iota(S), [1, S, 1])); // other before own
  const count = (condition: Tensor) => sum(cast(condition, "f32"), [2]);
  const larger = count(less(own, other));
  const equalBefore = sum(select(isBefore, cast(equal(own, other), "f32"), 0), [2]);
  const isKept = cast(less(add(larger, equalBefore), kept), "f32"); // (B, S, 1)
  const slot = sum(select(isBefore, reshape(isKept, [B, 1, S]), 0), [2]); // (B, S, 1)
  // Of each slot the place that has it.
  const isHere = multiply(
    cast(equal(reshape(slot, [B, 1, S]), reshape(cast(iota(kept), "f32"), [1, kept, 1])), "f32"),
    reshape(isKept, [B, 1, S]),
  );
  const places = sum(multiply(isHere, reshape(cast(iota(S), "f32"), [1, 1, S])), [2]); // (B, K, 1)
  return reshape(add(cast(places, "i32"), reshape(multiply(iota(B), S), [B, 1, 1])), [B * kept]);
}

/** 12 layers have 5 whole ones, one that only the kept tokens leave, 5 of the kept tokens alone, and a whole one. */
export const tokenDropping = {
  name: "token-dropping",
  summary: "masked tokens are predicted, and only tokens that are hard to predict go through the middle layers",
  source: "Hou et al. 2022, arXiv 2203.13240",
  schema,
  cutFault: "keeps one number of tokens of every sequence, and pieces of one have unequal numbers that must stay",
  feed: (source, _, { train }) => {
    const batch = source.readMasked(0, train.microBatchSequences);
    const kept = Int32Array.from(batch.tokens, token => (source.isSpecial(token) ? 1 : 0));
    batch.positions.forEach((position, i) => {
      if (batch.labels[i]! >= 0) kept[position] = 1;
    });
    return { ...batch, kept };
  },
  computeLoss: (parameters, settings, recipe) => {
    const { model, data, loss, train } = recipe;
    const { microBatchSequences: B } = train;
    const { sequenceLength: S, vocabulary: V } = model;
    const inputs = declareMaskedInputs(model, B, B * countMasked(recipe));
    const mean = gather(state(tokenLoss, [V, 1]), inputs.tokens); // (T, 1)
    const mustStay = reshape(less(0, input("kept", [B * S], "i32")), [B * S, 1]);
    const rows = chooseRows(reshape(select(mustStay, always, mean), [B, S]), countKept(settings, model));
    const { labels, positions } = inputs;
    const detour = { rows, seesAll: true, ...findLayers(settings, model) };
    const hidden = encode(inputs, parameters, model, { rows: positions, detour });
    const losses = computeRowLosses(hidden, labels, parameters, model, { loss });
    const P = labels.shape[0]!;
    const isLabelled = reshape(less(-1, labels), [P, 1]);
    const of = select(less(-1, labels), labels, 0);
    return {
      loss: averageLosses(losses, labels, { loss, hasGaps: mayLackPredictions(data) }),
      seen: {
        tokenLosses: scatterAdd(select(isLabelled, losses, 0), of, V),
        tokenCounts: scatterAdd(select(isLabelled, fill(1, [P, 1]), 0), of, V),
      },
    };
  },
  memory: {
    listStates: (_, { model }) => new Map([[tokenLoss, [model.vocabulary, 1]]]),
    listSeen: (_, { model }) =>
      new Map(["tokenLosses", "tokenCounts"].map((name): [string, Shape] => [name, [model.vocabulary, 1]])),
    update: ({ tokenLosses, tokenCounts }, { lossDecay }, { model }) => {
      const old = state(tokenLoss, [model.vocabulary, 1]);
      const now = subtract(divide(tokenLosses!, maximum(tokenCounts!, 1)), firstLoss);
      const mixed = add(multiply(old, lossDecay), multiply(now, 1 - lossDecay));
      return { [tokenLoss]: select(less(0, tokenCounts!), mixed, old) };
    },
  },
  countFlops: (settings, recipe) => {
    const { model } = recipe;
    const { sequenceLength: S } = model;
    const { from, to } = findLayers(settings, model);
    const kept = countKept(settings, model);
    const wholeAt = leaveRead(model, decodedShare(recipe));
    return countTrainingFlops(model, decodedShare(recipe), depth =>
      depth < from || depth >= to ? wholeAt(depth) : { entering: depth > from ? kept : S, leaving: kept },
    );
  },
  findFault: (settings, recipe) => {
    const { model } = recipe;
    const { from, to } = findLayers(settings, model);
    if (from >= to) {
      const message = `objective.lastLayers ${settings.lastLayers} and ${from} before leave none of ${countOf(countDepths(model), "layer")} between`;
      return { message, advice: "Lower objective.lastLayers or firstLayers, or raise model.layers." };
    }
    const [kept, masked] = [countKept(settings, model), countMasked(recipe)];
    if (kept < masked) {
      const message = `objective.kept ${settings.kept} keeps ${kept} tokens of a sequence, and ${masked} are predicted`;
      return { message, advice: "Raise it, or lower data.maskFraction." };
    }
    if (kept === model.sequenceLength) {
      return {
        message: `objective.kept ${settings.kept} keeps all tokens`,
        advice: "Lower it, or set objective.name=masked.",
      };
    }
    return findDetourFault(model);
  },
} as const satisfies Objective<Settings>;
