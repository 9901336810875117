// What attention makes of its scores besides softmax, as records: the sequence operations of the reference. Each turns the scores of a
// query into weights of the keys; where a mask says that a key is none, its weight is 0.
//
// B sequences, H heads, S queries and keys.

import {
  add,
  detach,
  divide,
  exp,
  iota,
  less,
  log,
  matmul,
  max,
  maximum,
  multiply,
  reshape,
  rsqrt,
  select,
  subtract,
  sum,
} from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { softmax } from "./norm.ts";

/** The keys that each query sees, for scores (B, H, S, S). */
export interface KeyMask {
  /** Bool, of a shape that broadcasts to the scores'. */
  readonly isKey: Tensor;
  /** How many, f32, likewise. */
  readonly count: Tensor;
}

export interface ScoreFunction {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  /** true: its result has a gain and a bias of each head. */
  readonly isAffine: boolean;
  /** Scores (B, H, S, S) to weights. */
  apply(scores: Tensor, mask: KeyMask | undefined): Tensor;
}

const excluded = -1e30;
const masked = (scores: Tensor, mask: KeyMask | undefined, value: number): Tensor =>
  mask === undefined ? scores : select(mask.isKey, scores, value);
const countKeys = (scores: Tensor, mask: KeyMask | undefined): Tensor | number => mask?.count ?? scores.shape.at(-1)!;
const perRoot = (x: Tensor, count: Tensor | number): Tensor =>
  multiply(x, typeof count === "number" ? 1 / Math.sqrt(count) : rsqrt(count));

/** Sums of the elements up to and with each, over the last axis: a product with a triangle of ones. */
function accumulate(x: Tensor): Tensor {
  const S = x.shape.at(-1)!;
  const place = iota(S);
  const isLater = less(reshape(place, [1, S]), reshape(place, [S, 1])); // [j, i]: i < j
  const triangle = select(isLater, 0, 1); // [j, i]: 1 where j ≤ i
  return reshape(matmul(reshape(x, [x.shape.reduce((a, b) => a * b) / S, S]), triangle), x.shape);
}

const reference = "the reference's sequence_op, github.com/JonasGeiping/cramming";

export const scoreFunctions = [
  {
    name: "softmax",
    summary: "exp(score) / Σ exp(score)",
    source: "Vaswani et al. 2017, arXiv 1706.03762",
    isAffine: false,
    apply: (scores, mask) => softmax(masked(scores, mask, excluded)),
  },
  {
    name: "norm",
    summary: "scores normalised over the keys, with a gain and a bias of each head",
    source: "Richter & Wattenhofer 2020, arXiv 2005.09561",
    isAffine: true,
    // The reference's normalises over heads and queries together with the keys, with 1e-5, so that a token's weights are of all others', too.
    apply: (scores, mask) => {
      const count = countKeys(scores, mask);
      const average = (x: Tensor) => divide(sum(x, [-1]), count);
      const centred = masked(subtract(scores, average(masked(scores, mask, 0))), mask, 0);
      return multiply(centred, rsqrt(add(average(multiply(centred, centred)), 1e-12)));
    },
  },
  {
    name: "identity",
    summary: "scores / √keys",
    source: reference,
    isAffine: false,
    apply: (scores, mask) => perRoot(masked(scores, mask, 0), countKeys(scores, mask)),
  },
  {
    name: "cumsum",
    summary: "sums of the scores of the keys up to each, / √keys",
    source: reference,
    isAffine: false,
    apply: (scores, mask) => perRoot(masked(accumulate(masked(scores, mask, 0)), mask, 0), countKeys(scores, mask)),
  },
  {
    name: "cumsumexp",
    summary: "log of the sums of exp(score) of the keys up to each, / √keys",
    source: reference,
    isAffine: false,
    apply: (scores, mask) => {
      const seen = masked(scores, mask, excluded);
      const largest = detach(max(seen, [-1]));
      // A sum that is 80 below the largest score is 0 in f32, and has no logarithm.
      const sums = maximum(accumulate(exp(subtract(seen, largest))), 1e-35);
      return perRoot(masked(add(log(sums), largest), mask, 0), countKeys(scores, mask));
    },
  },
] as const satisfies readonly ScoreFunction[];

export type ScoreName = (typeof scoreFunctions)[number]["name"];
export const scoreNames = scoreFunctions.map(({ name }) => name) as [ScoreName, ...ScoreName[]];
export const findScoreFunction = (name: ScoreName): ScoreFunction => scoreFunctions.find(each => each.name === name)!;
