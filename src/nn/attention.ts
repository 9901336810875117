// Multi-head attention over a fused projection, the one composite that every fast backend has a kernel for. It reads the
// projection where it lies: columns are [q of all heads | k of all heads | v of all heads], so nothing is transposed first.
//
// B sequences, S positions each, H heads of width D.

import { differentiateDecomposition } from "../graph/gradient.ts";
import { composite, concat, matmul, multiply, permute, reshape, slice, transpose } from "../graph/operations.ts";
import type { Attributes, CompositeDefinition, Tensor } from "../graph/tensor.ts";
import { softmax } from "./norm.ts";

export interface HeadLayout {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** softmax(q kᵀ / √D) v, every operand and the result (B, H, S, D) (Vaswani et al. 2017, equation 1). */
function attendHeads(q: Tensor, k: Tensor, v: Tensor): Tensor {
  const scale = 1 / Math.sqrt(q.shape[3]!);
  const scores = multiply(matmul(q, transpose(k)), scale); // (B, H, S, S)
  return matmul(softmax(scores), v);
}

/** The three parts of (B·S, 3·H·D), each (B, H, S, D). */
function splitParts(qkv: Tensor, attributes: Attributes): [Tensor, Tensor, Tensor] {
  const { batch: B, length: S, heads: H, headWidth: D } = attributes as Attributes & HeadLayout;
  const part = (index: number) => {
    const columns = slice(qkv, 1, index * H * D, (index + 1) * H * D); // (B·S, H·D)
    return permute(reshape(columns, [B, S, H, D]), [0, 2, 1, 3]);
  };
  return [part(0), part(1), part(2)];
}

/** (B, H, S, D) to (B·S, H·D). */
function mergeHeads(x: Tensor): Tensor {
  const [B, H, S, D] = x.shape as [number, number, number, number];
  return reshape(permute(x, [0, 2, 1, 3]), [B * S, H * D]);
}

const attentionDefinition: CompositeDefinition = {
  name: "attention",
  decompose: ([qkv], attributes) => mergeHeads(attendHeads(...splitParts(qkv!, attributes))),
  differentiate: ([qkv], attributes, gradient) => [
    composite(attentionGradientDefinition, [qkv!, gradient], attributes, qkv!.shape),
  ],
};

/** Inputs: qkv as attention reads it (B·S, 3·H·D), gradient of attention's result (B·S, H·D). Result: that of qkv. */
const attentionGradientDefinition: CompositeDefinition = {
  name: "attentionGradient",
  decompose: ([qkv, gradient], attributes) => {
    const parts = splitParts(qkv!, attributes);
    const result = mergeHeads(attendHeads(...parts)); // (B·S, H·D)
    return concat(differentiateDecomposition(result, parts, gradient!).map(mergeHeads), 1);
  },
};

/** Bidirectional attention within each sequence: qkv (B·S, 3·H·D) to (B·S, H·D); head h's column d is h·D + d. */
export function attention(qkv: Tensor, layout: HeadLayout): Tensor {
  const { batch, length, heads, headWidth } = layout;
  if (qkv.shape[0] !== batch * length || qkv.shape[1] !== 3 * heads * headWidth) {
    throw new Error(`attention: [${qkv.shape.join(", ")}] does not fit ${JSON.stringify(layout)}`);
  }
  const attributes = { batch, length, heads, headWidth };
  return composite(attentionDefinition, [qkv], attributes, [batch * length, heads * headWidth]);
}
