// Rotary position embedding (Su et al. 2021, RoFormer) of the q and k parts of a fused projection; v is left alone. Pairs are
// (d, d + D/2) within a head, the convention of GPT-NeoX and ModernBERT, not the neighbours (2d, 2d+1) of the paper.
//
// B sequences, S positions each, H heads of width D.

import { add, composite, concat, fill, multiply, reshape, slice, subtract } from "../graph/operations.ts";
import type { Attributes, CompositeDefinition, Tensor } from "../graph/tensor.ts";
import type { HeadLayout } from "./attention.ts";

const rotaryDefinition: CompositeDefinition = {
  name: "rotary",
  decompose: ([qkv, table], attributes) => {
    const { batch: B, length: S, heads: H, headWidth: D } = attributes as Attributes & HeadLayout;
    const half = D / 2;
    const turn = attributes.inverse === 1 ? -1 : 1;
    const column = (from: number) => reshape(slice(table!, 1, from, from + half), [1, S, 1, 1, half]);
    const still = (value: number) => fill(value, [1, S, 1, 1, half]);
    // v turns by the angle 0, so that all three parts are one expression.
    const cosine = concat([column(0), column(0), still(1)], 2); // (1, S, 3, 1, D/2)
    const turned = multiply(column(half), turn);
    const sine = concat([turned, turned, still(0)], 2); // (1, S, 3, 1, D/2)
    const parts = reshape(qkv!, [B, S, 3, H, D]);
    const first = slice(parts, 4, 0, half);
    const second = slice(parts, 4, half, D);
    const rotated = concat(
      [subtract(multiply(first, cosine), multiply(second, sine)), add(multiply(second, cosine), multiply(first, sine))],
      4,
    ); // (B, S, 3, H, D)
    return reshape(rotated, qkv!.shape);
  },
  // A rotation's gradient is the rotation back; the table is a constant.
  differentiate: ([, table], attributes, gradient) => [
    composite(
      rotaryDefinition,
      [gradient, table!],
      { ...attributes, inverse: 1 - attributes.inverse! },
      gradient.shape,
    ),
    undefined,
  ],
};

/** Turns q and k of (B·S, 3·H·D) by `table` (S, D): cosines in its first D/2 columns, sines in the others. */
export function applyRotary(qkv: Tensor, table: Tensor, layout: HeadLayout): Tensor {
  const { batch, length, heads, headWidth } = layout;
  const fits =
    qkv.shape[0] === batch * length &&
    qkv.shape[1] === 3 * heads * headWidth &&
    table.shape[0] === length &&
    table.shape[1] === headWidth &&
    headWidth % 2 === 0;
  if (!fits) {
    throw new Error(
      `rotary: [${qkv.shape.join(", ")}] and [${table.shape.join(", ")}] do not fit ${JSON.stringify(layout)}`,
    );
  }
  return composite(rotaryDefinition, [qkv, table], { batch, length, heads, headWidth, inverse: 0 }, qkv.shape);
}
