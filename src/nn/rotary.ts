// Rotary position embedding (Su et al. 2021, RoFormer) of the q and k parts of a fused projection, or of some of its parts; v is left alone. Pairs are
// (d, d + D/2) within a head, the convention of GPT-NeoX and ModernBERT, not the neighbours (2d, 2d+1) of the paper.
//
// B sequences, S positions each, H heads of width D.

import { add, composite, concat, fill, multiply, reshape, slice, subtract } from "../graph/operations.ts";
import type { Attributes, CompositeDefinition, Tensor } from "../graph/tensor.ts";
import type { HeadLayout } from "./attention.ts";

interface RotaryLayout extends HeadLayout {
  readonly parts: number;
  readonly turned: number;
}

const rotaryDefinition: CompositeDefinition = {
  name: "rotary",
  decompose: ([qkv, table], attributes) => {
    const {
      batch: B,
      length: S,
      heads: H,
      headWidth: D,
      parts: N,
      turned: n,
    } = attributes as Attributes & RotaryLayout;
    const half = D / 2;
    const turn = attributes.inverse === 1 ? -1 : 1;
    const column = (from: number) => reshape(slice(table!, 1, from, from + half), [1, S, 1, 1, half]);
    const still = (value: number) => fill(value, [1, S, 1, 1, half]);
    // v turns by the angle 0, so that all parts are one expression.
    const join = (own: Tensor, rest: Tensor) =>
      N === 1 ? own : concat([...Array<Tensor>(n).fill(own), ...Array<Tensor>(N - n).fill(rest)], 2); // (1, S, N, 1, D/2)
    const cosine = join(column(0), still(1));
    const sine = join(multiply(column(half), turn), still(0));
    const parts = reshape(qkv!, [B, S, N, H, D]);
    const first = slice(parts, 4, 0, half);
    const second = slice(parts, 4, half, D);
    const rotated = concat(
      [subtract(multiply(first, cosine), multiply(second, sine)), add(multiply(second, cosine), multiply(first, sine))],
      4,
    ); // (B, S, N, H, D)
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

/**
 * Turns the first `turned` of the parts of (B·S, parts·H·D), by default q and k of qkv, by `table` (S, D): cosines in its first D/2 columns,
 * sines in the others.
 */
export function applyRotary(
  x: Tensor,
  table: Tensor,
  layout: HeadLayout,
  parts = 3,
  turned = Math.min(parts, 2),
): Tensor {
  const { batch, length, heads, headWidth } = layout;
  const fits =
    x.shape[0] === batch * length &&
    x.shape[1] === parts * heads * headWidth &&
    table.shape[0] === length &&
    table.shape[1] === headWidth &&
    headWidth % 2 === 0;
  if (!fits) {
    throw new Error(
      `rotary: [${x.shape.join(", ")}] and [${table.shape.join(", ")}] do not fit ${JSON.stringify(layout)}`,
    );
  }
  return composite(
    rotaryDefinition,
    [x, table],
    { batch, length, heads, headWidth, parts, turned, inverse: 0 },
    x.shape,
  );
}
