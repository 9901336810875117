// The matrix products of a training step, their operands, and what their results are checked against: dot products in
// float64 at places drawn over the whole result.

import { RandomSequence, streams } from "../src/base/random.ts";
import { countMasked } from "../src/objectives/predictions.ts";
import type { Recipe } from "../src/train/recipe.ts";

/** (M, N) = a (M, K) · b (K, N). A transposed operand is stored the other way round: a (K, M), b (N, K). */
export interface Product {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * Operands as they lie in memory. `cast` multiplies in bf16 what lies there in f32, as training in bf16 does with weights;
 * `bf16` finds it in bf16.
 */
export const productPrecisions = ["f32", "bf16", "cast"] as const;
export type ProductPrecision = (typeof productPrecisions)[number];

/** Forward, and backward to data and to weights, of x (T, in) · W (in, out). */
function listPasses(name: string, rows: number, width: number, out: number): Product[] {
  return [
    { name: `${name} forward`, m: rows, n: out, k: width, transposeA: false, transposeB: false },
    { name: `${name} to data`, m: rows, n: width, k: out, transposeA: false, transposeB: true },
    { name: `${name} to weights`, m: width, n: out, k: rows, transposeA: true, transposeB: false },
  ];
}

/** A layer's products and the decoder's, for one micro-batch of the recipe; the decoder's weights are stored (out, in). */
export function listProducts(recipe: Recipe): Product[] {
  const { model, train } = recipe;
  const { width, feedForward, vocabulary, sequenceLength } = model;
  const tokens = train.microBatchSequences * sequenceLength;
  const predictions = train.microBatchSequences * countMasked(recipe);
  const decoder = { m: predictions, n: vocabulary, k: width };
  return [
    ...listPasses("qkv", tokens, width, 3 * width),
    ...listPasses("proj", tokens, width, width),
    ...listPasses("ffn-in", tokens, width, feedForward),
    ...listPasses("ffn-out", tokens, feedForward / 2, width),
    { name: "decoder forward", ...decoder, transposeA: false, transposeB: true },
    { name: "decoder to data", ...decoder, n: width, k: vocabulary, transposeA: false, transposeB: false },
    { name: "decoder to weights", m: vocabulary, n: width, k: predictions, transposeA: true, transposeB: false },
  ];
}

export interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** Uniform in (-1, 1); unless for f32, numbers that bf16 holds exactly, so that every contestant multiplies the same. */
export function drawOperands({ m, n, k }: Product, precision: ProductPrecision): Operands {
  const draw = (length: number, index: number) => {
    const random = new RandomSequence(0, streams.initialisation, index);
    const values = Float32Array.from({ length }, () => 2 * random.uniform() - 1);
    if (precision === "f32") return values;
    const words = new Uint32Array(values.buffer);
    for (let i = 0; i < length; i++) words[i] = (words[i]! + 0x8000) & 0xffff0000;
    return values;
  };
  return { a: draw(m * k, 0), b: draw(k * n, 1) };
}

export interface Sample {
  /** Flat index in the result. */
  readonly at: number;
  readonly expected: number;
}

const sampleCount = 400;

/** The corners and places drawn at random. */
export function sampleProduct({ m, n, k, transposeA, transposeB }: Product, { a, b }: Operands): Sample[] {
  const random = new RandomSequence(0, streams.sampling, 0);
  const corners = [0, n - 1, (m - 1) * n, m * n - 1];
  const places = [...corners, ...Array.from({ length: sampleCount }, () => random.below(m * n))];
  return places.map(at => {
    const row = Math.floor(at / n);
    const column = at % n;
    let expected = 0;
    for (let i = 0; i < k; i++) {
      expected += a[transposeA ? i * m + row : row * k + i]! * b[transposeB ? column * k + i : i * n + column]!;
    }
    return { at, expected };
  });
}

/** Largest error over the samples, in units of what sums of K such terms usually are (√K / 3). */
export function largestError(samples: readonly Sample[], values: ArrayLike<number>, { k }: Product): number {
  const scale = Math.sqrt(k) / 3;
  const errors = samples.map(({ expected }, i) => Math.abs(values[i]! - expected) / scale);
  return errors.some(Number.isNaN) ? Number.POSITIVE_INFINITY : Math.max(...errors);
}
