// Replaced tokens: what was masked, filled with draws from a model's own predictions, and the loss of telling them from what stood there.
//
// T tokens, P predictions, some of which may have no label (-1).

import {
  add,
  cast,
  equal,
  exp,
  input,
  less,
  log,
  maximum,
  mean,
  multiply,
  negate,
  reshape,
  scatterAdd,
  select,
  subtract,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { averageLosses, computeRowLosses, type MaskedLossOptions, samplePredictions } from "../model/heads.ts";
import type { MaskedInputs } from "../model/inputs.ts";
import type { Parameters } from "../model/layer-parts.ts";
import type { ModelShape } from "../model/shape.ts";
import type { SequenceSource } from "./objective.ts";

/** A masked batch with what its draws depend on. */
export const feedReplaced = (source: SequenceSource, sequences: number) => ({
  ...source.readMasked(0, sequences),
  sampleSeed: Uint32Array.of(source.seed),
});

export interface Replacement {
  /** Of predicting what is masked, mean. */
  readonly loss: Tensor;
  /** (T) i32: the text with draws where it was masked. */
  readonly tokens: Tensor;
  /** (T, 1) bool: where a token is another than the text's own. */
  readonly isReplaced: Tensor;
}

/** Predicts the masked tokens of hidden states (P, C), and draws others in their place. No gradient goes through a draw. */
export function replaceTokens(
  rows: Tensor,
  { tokens, positions, labels }: MaskedInputs,
  parameters: Parameters,
  shape: ModelShape,
  options: MaskedLossOptions,
): Replacement {
  const T = tokens.shape[0]!;
  const P = labels.shape[0]!;
  const places = reshape(positions, [P]);
  const drawn = samplePredictions(rows, parameters, shape, input("sampleSeed", [1], "u32"));
  const isLabelled = less(-1, labels);
  // Ids are below 2²⁰, which f32 holds exactly; 0 stands for no draw.
  const numbers = select(isLabelled, add(cast(drawn, "f32"), 1), 0);
  const placed = reshape(scatterAdd(reshape(numbers, [P, 1]), places, T), [T]);
  const isOther = multiply(cast(isLabelled, "f32"), subtract(1, cast(equal(drawn, labels), "f32")));
  return {
    loss: averageLosses(computeRowLosses(rows, labels, parameters, shape, options), labels, options),
    tokens: select(less(0, placed), cast(subtract(placed, 1), "i32"), tokens),
    isReplaced: less(0, scatterAdd(reshape(isOther, [P, 1]), places, T)),
  };
}

/** Mean over all places of log(1 + exp(z)) - z y, shape [], for logits z (T, 1) of having been replaced, and y whether it was. */
export function measureDetection(logits: Tensor, isReplaced: Tensor): Tensor {
  const size = maximum(logits, negate(logits));
  const softplus = add(maximum(logits, 0), log(add(exp(negate(size)), 1)));
  return reshape(mean(subtract(softplus, select(isReplaced, logits, 0)), [0]), []);
}
