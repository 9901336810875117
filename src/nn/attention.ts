// Multi-head attention over a fused projection, the one composite that every fast backend has a kernel for. It reads the
// projection where it lies: columns are [q of all heads | k of all heads | v of all heads], so nothing is transposed first.
//
// B sequences, S positions each, H heads of width D.

import { differentiateDecomposition } from "../graph/gradient.ts";
import {
  composite,
  concat,
  iota,
  less,
  matmul,
  multiply,
  permute,
  reshape,
  select,
  slice,
  transpose,
} from "../graph/operations.ts";
import type { Attributes, CompositeDefinition, Tensor } from "../graph/tensor.ts";
import { softmax } from "./norm.ts";

export interface HeadLayout {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** What a key beyond its sequence's length scores: exp of it is 0 beside any score. */
const excluded = -1e30;

/**
 * softmax(q kᵀ / √D) v, k and v (B, H, S, D), q and the result (B, H, Q, D) (Vaswani et al. 2017, equation 1). With lengths (B) i32,
 * the keys of sequence b are its first lengths[b] positions.
 */
function attendHeads(q: Tensor, k: Tensor, v: Tensor, lengths: Tensor | undefined): Tensor {
  const [B, , S, D] = k.shape as [number, number, number, number];
  const scores = multiply(matmul(q, transpose(k)), 1 / Math.sqrt(D)); // (B, H, Q, S)
  if (lengths === undefined) return matmul(softmax(scores), v);
  const isKey = less(reshape(iota(S), [1, 1, 1, S]), reshape(lengths, [B, 1, 1, 1]));
  return matmul(softmax(select(isKey, scores, excluded)), v);
}

/** (B·N, H·D) to (B, H, N, D), N as many as there are. */
export function splitHeads(x: Tensor, { batch: B, heads: H, headWidth: D }: HeadLayout): Tensor {
  return permute(reshape(x, [B, x.shape[0]! / B, H, D]), [0, 2, 1, 3]);
}

/** The three parts of (B·S, 3·H·D), each (B, H, S, D). */
export function splitParts(qkv: Tensor, layout: HeadLayout): [Tensor, Tensor, Tensor] {
  const { heads: H, headWidth: D } = layout;
  const part = (index: number) => splitHeads(slice(qkv, 1, index * H * D, (index + 1) * H * D), layout);
  return [part(0), part(1), part(2)];
}

/** (B, H, S, D) to (B·S, H·D). */
export function mergeHeads(x: Tensor): Tensor {
  const [B, H, S, D] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3]), [B * S, H * D]);
}

const attentionDefinition: CompositeDefinition = {
  name: "attention",
  decompose: ([qkv, lengths], attributes) =>
    mergeHeads(attendHeads(...splitParts(qkv!, attributes as Attributes & HeadLayout), lengths)),
  differentiate: ([qkv, ...lengths], attributes, gradient) => [
    composite(attentionGradientDefinition, [qkv!, gradient, ...lengths], attributes, qkv!.shape),
    ...lengths.map(() => undefined),
  ],
};

/** Inputs: qkv (B·S, 3·H·D), gradient of attention's result (B·S, H·D), lengths if there are any. Result: that of qkv. */
const attentionGradientDefinition: CompositeDefinition = {
  name: "attentionGradient",
  decompose: ([qkv, gradient, lengths], attributes) => {
    const parts = splitParts(qkv!, attributes as Attributes & HeadLayout);
    const result = mergeHeads(attendHeads(...parts, lengths)); // (B·S, H·D)
    return concat(differentiateDecomposition(result, parts, gradient!).map(mergeHeads), 1);
  },
};

/**
 * Bidirectional attention within each sequence: qkv (B·S, 3·H·D) to (B·S, H·D); head h's column d is h·D + d. With `lengths`
 * (B) i32, from 1 to S, nothing attends to the padding behind a sequence; what padding itself receives means nothing.
 */
export function attention(qkv: Tensor, layout: HeadLayout, lengths?: Tensor): Tensor {
  const { batch, length, heads, headWidth } = layout;
  if (qkv.shape[0] !== batch * length || qkv.shape[1] !== 3 * heads * headWidth) {
    throw new Error(`attention: [${qkv.shape.join(", ")}] does not fit ${JSON.stringify(layout)}`);
  }
  const attributes = { batch, length, heads, headWidth };
  const inputs = lengths === undefined ? [qkv] : [qkv, lengths];
  return composite(attentionDefinition, inputs, attributes, [batch * length, heads * headWidth]);
}

const queriedDefinition: CompositeDefinition = {
  name: "queriedAttention",
  decompose: ([queries, kv, lengths], attributes) => {
    const layout = attributes as Attributes & HeadLayout;
    return mergeHeads(attendHeads(splitHeads(queries!, layout), ...splitKeys(kv!, layout), lengths));
  },
  differentiate: ([queries, kv, ...lengths], attributes, gradient) => {
    const { batch, length, queries: Q, heads, headWidth } = attributes as Attributes & HeadLayout & { queries: number };
    const [C, rows] = [heads * headWidth, batch * length];
    const all = composite(queriedGradientDefinition, [queries!, kv!, gradient, ...lengths], attributes, [
      batch * Q + 2 * rows,
      C,
    ]);
    const ofKeys = reshape(slice(all, 0, batch * Q, batch * Q + 2 * rows), kv!.shape);
    return [slice(all, 0, 0, batch * Q), ofKeys, ...lengths.map(() => undefined)];
  },
};

/** The two parts of (B·S, 2·H·D), each (B, H, S, D). */
function splitKeys(kv: Tensor, layout: HeadLayout): [Tensor, Tensor] {
  const C = layout.heads * layout.headWidth;
  return [splitHeads(slice(kv, 1, 0, C), layout), splitHeads(slice(kv, 1, C, 2 * C), layout)];
}

/** Inputs: queries, kv, gradient of the result, lengths if there are any. Result (B·Q + 2·B·S, H·D): that of q, behind it that of kv. */
const queriedGradientDefinition: CompositeDefinition = {
  name: "queriedAttentionGradient",
  decompose: ([queries, kv, gradient, lengths], attributes) => {
    const layout = attributes as Attributes & HeadLayout;
    const parts = [splitHeads(queries!, layout), ...splitKeys(kv!, layout)] as const;
    const result = mergeHeads(attendHeads(...parts, lengths)); // (B·Q, H·D)
    const [dq, dk, dv] = differentiateDecomposition(result, parts, gradient!).map(mergeHeads) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const [rows, C] = dk.shape as [number, number];
    return concat([dq, reshape(concat([dk, dv], 1), [2 * rows, C])], 0);
  },
};

/**
 * The same for a few queries of each sequence, (B·Q, H·D), and kv (B·S, 2·H·D), whose columns are [k of all heads | v of all heads]: to
 * (B·Q, H·D). Q is at most S.
 */
export function queriedAttention(queries: Tensor, kv: Tensor, layout: HeadLayout, lengths?: Tensor): Tensor {
  const { batch, length, heads, headWidth } = layout;
  const Q = queries.shape[0]! / batch;
  const C = heads * headWidth;
  if (!Number.isInteger(Q) || Q > length || queries.shape[1] !== C || kv.shape[1] !== 2 * C) {
    const shapes = [queries, kv].map(({ shape }) => `[${shape.join(", ")}]`);
    throw new Error(`attention: queries and keys ${shapes.join(" and ")} do not fit ${JSON.stringify(layout)}`);
  }
  const attributes = { batch, length, queries: Q, heads, headWidth };
  const inputs = lengths === undefined ? [queries, kv] : [queries, kv, lengths];
  return composite(queriedDefinition, inputs, attributes, queries.shape);
}
