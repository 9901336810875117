// Rules that end a step's batch when its micro-batches agree enough on their gradient, as records: the progressive batching of the
// reference (Geiping & Goldstein, progressive_batching.py), which decides after each micro-batch. They read gradient-products.ts
// alone, and each rule is a formula of these.

import { z } from "zod";
import type { GradientProducts } from "./gradient-products.ts";

/** Of the k micro-batches of a step so far; one number a parameter. */
export interface BatchStatistics extends GradientProducts {
  /** k, at least 2. */
  readonly count: number;
  /** Σ g · g over the micro-batches. */
  readonly squares: readonly number[];
}

interface BatchRule {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly schema: z.ZodObject;
  /** Whether the batch is large enough. */
  isEnough(statistics: BatchStatistics, theta: number): boolean;
}

/** ‖mean‖², and Σ ‖g - mean‖² over the micro-batches, of one parameter. */
function spreadOf({ count, squares, newest, across, before }: BatchStatistics, i: number) {
  const mean = (newest[i]! + 2 * across[i]! + before[i]!) / count ** 2;
  return { mean, scatter: Math.max(0, squares[i]! - count * mean) };
}

const sumOver = ({ squares }: BatchStatistics, value: (i: number) => number): number =>
  squares.reduce((sum, _, i) => sum + value(i), 0);

const reference = "the reference's progressive batching, github.com/JonasGeiping/cramming";

const settings = (theta: number, described: string) => ({
  theta: z.number().positive().max(1e6).default(theta).describe(described),
  least: z.number().int().min(2).max(4096).default(2).describe("micro-batches of a step, at least"),
  monotone: z.boolean().default(false).describe("whether no batch is smaller than the one before it"),
});

/** A sum of variances over k² would be the mean's: below θ ‖mean‖², noise is smaller than the gradient. */
const norm = {
  name: "norm",
  summary: "until the variance of the mean gradient is below θ times its square",
  source: "De et al. 2017, Big Batch SGD, arXiv 1610.05792",
  schema: z.strictObject({
    name: z.literal("norm"),
    ...settings(0.9, "share of the squared gradient that the variance of the mean may have"),
  }),
  isEnough: (statistics, theta) => {
    const { count } = statistics;
    const variance = sumOver(statistics, i => spreadOf(statistics, i).scatter) / (count - 1);
    return variance / count < theta * sumOver(statistics, i => spreadOf(statistics, i).mean);
  },
} as const satisfies BatchRule;

/** c is the mean of the micro-batches but the newest: (g · c - ‖c‖²)² / (k - 1) < θ ‖c‖⁴. */
const innerProduct = {
  name: "inner-product",
  summary: "until the newest gradient's product with the mean of the others is near that mean's square",
  source: "Bollapragada et al. 2018, arXiv 1710.11258",
  schema: z.strictObject({
    name: z.literal("inner-product"),
    ...settings(
      0.9,
      "share of the mean's fourth power that the squared difference may have, over the micro-batches before",
    ),
  }),
  isEnough: (statistics, theta) => {
    const others = statistics.count - 1;
    const product = sumOver(statistics, i => statistics.across[i]!) / others;
    const square = sumOver(statistics, i => statistics.before[i]!) / others ** 2;
    return (product - square) ** 2 / others < theta * square ** 2;
  },
} as const satisfies BatchRule;

/** A parameter without a gradient has cosine 0. */
const cosine = {
  name: "cosine",
  summary: "until the newest gradient's cosine with the others' mean, averaged over parameters, is above θ",
  source: reference,
  schema: z.strictObject({ name: z.literal("cosine"), ...settings(0.9, "cosine that is enough") }),
  isEnough: (statistics, theta) => {
    const { newest, across, before } = statistics;
    const cosineOf = (i: number) => across[i]! / Math.sqrt(newest[i]! * before[i]!) || 0;
    return sumOver(statistics, cosineOf) / newest.length > theta;
  },
} as const satisfies BatchRule;

/** (1 + 1 / 4k) of the mean over parameters of √variance / (‖mean‖² + 1e-6), over k, below 100 θ: as the reference computes it. */
const variation = {
  name: "variation",
  summary: "until the coefficient of variation of gradients, averaged over parameters, is below 100 θ",
  source: reference,
  schema: z.strictObject({
    name: z.literal("variation"),
    ...settings(0.9, "hundredth of the coefficient that is enough"),
  }),
  isEnough: (statistics, theta) => {
    const { count, newest } = statistics;
    const ratioOf = (i: number) => {
      const { mean, scatter } = spreadOf(statistics, i);
      return Math.sqrt(scatter / (count - 1)) / (mean + 1e-6);
    };
    return ((1 + 1 / (4 * count)) * sumOver(statistics, ratioOf)) / newest.length / count < 100 * theta;
  },
} as const satisfies BatchRule;

export const batchRules = [norm, innerProduct, cosine, variation] as const;
export const batchRuleSchema = z.discriminatedUnion("name", [
  norm.schema,
  innerProduct.schema,
  cosine.schema,
  variation.schema,
]);
export type BatchRuleSettings = z.infer<typeof batchRuleSchema>;

/** Whether the batch is large enough under the rule. */
export const isBatchEnough = (statistics: BatchStatistics, { name, theta }: BatchRuleSettings): boolean =>
  batchRules.find(rule => rule.name === name)!.isEnough(statistics, theta);
