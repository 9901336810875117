// FNet: the real part of the two-dimensional discrete Fourier transform over positions and width, and no parameters. The transform is
// two products with fixed tables of cosines and sines, which at these lengths is faster than a fast transform on the same hardware.
//
// B sequences, S positions each, width C, T = B·S.

import { z } from "zod";
import {
  broadcast,
  cast,
  concat,
  cos,
  divide,
  iota,
  less,
  matmul,
  multiply,
  negate,
  reshape,
  rsqrt,
  select,
  sin,
  slice,
  subtract,
} from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Mixer, Table } from "./mixer.ts";

const schema = z.strictObject({
  name: z.literal("fourier"),
  attentionLayers: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe("the last so many layers have attention: FNet-Hybrid has two"),
  unitary: z
    .boolean()
    .default(false)
    .describe("true: divided by √(S·C), so that sizes stay; false: as the paper, where norms come after"),
});
export type FourierSettings = z.output<typeof schema>;

export const fourier = {
  name: "fourier",
  summary: "the real part of the Fourier transform over positions and width",
  source: "Lee-Thorp et al. 2021, FNet, arXiv 2105.03824",
  schema,
  rotates: false,
  separates: false,
  asksFew: () => false,
  hasHeads: false,
  listParameters: () => [],
  apply: (x, { unitary }, { tables, length: S, lengths, keepRows }) => {
    const [T, C] = x.shape as [number, number];
    const B = T / S;
    const real = lengths === undefined ? x : silencePadding(x, S, lengths);
    const wide = matmul(real, tables.fourierWidth!); // (T, 2C): x cos, x sin
    const half = (from: number) => reshape(slice(wide, 1, from, from + C), [B, S, C]);
    const stacked = concat([half(0), half(C)], 1); // (B, 2S, C)
    // Re (F_S x F_C) = cos x cos - sin x sin, F = cos - i sin.
    const rows =
      lengths === undefined
        ? broadcast(reshape(tables.fourierLength!, [1, S, 2 * S]), [B, S, 2 * S])
        : tabulateLengths(S, lengths);
    const mixed = matmul(rows, stacked); // (B, S, C)
    return keepRows(reshape(unitary ? shrink(mixed, lengths) : mixed, [T, C]));
  },
  countProducts: (_, { width, sequenceLength }) => 2 * width * width + 2 * sequenceLength * width,
  listTables: (_, { width }, length) => ({
    fourierWidth: tabulate(width, 1),
    fourierLength: tabulate(length, -1),
  }),
  findFault: ({ attentionLayers }, { layers }) =>
    attentionLayers >= layers
      ? {
          message: `mixer.attentionLayers ${attentionLayers} leave none of layers ${layers} to Fourier's transform`,
          advice: "Lower it, or set model.mixer.name=attention.",
        }
      : undefined,
} satisfies Mixer<FourierSettings>;

/** [cos | sign · sin] of 2π j k / n, (n, 2n). */
const tabulate = (n: number, sign: 1 | -1): Table => ({
  shape: [n, 2 * n],
  compute: () => {
    const table = new Float32Array(2 * n * n);
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < n; k++) {
        // The remainder first: the angle stays small, and its sine exact.
        const angle = (2 * Math.PI * ((j * k) % n)) / n;
        table[2 * n * j + k] = Math.cos(angle);
        table[2 * n * j + n + k] = sign * Math.sin(angle);
      }
    }
    return table;
  },
});

/** (B, S, C) over √(n C) of each sequence's own length n. */
function shrink(mixed: Tensor, lengths: Tensor | undefined): Tensor {
  const [B, S, C] = mixed.shape as [number, number, number];
  if (lengths === undefined) return multiply(mixed, 1 / Math.sqrt(S * C));
  return multiply(mixed, rsqrt(multiply(reshape(cast(lengths, "f32"), [B, 1, 1]), C)));
}

/** x (T, C) with 0 in the rows of padding. */
function silencePadding(x: Tensor, S: number, lengths: Tensor): Tensor {
  const [T, C] = x.shape as [number, number];
  const B = T / S;
  const isReal = less(reshape(iota(S), [1, S, 1]), reshape(lengths, [B, 1, 1]));
  return reshape(select(isReal, reshape(x, [B, S, C]), 0), [T, C]);
}

/** [cos | -sin] of 2π j k / n for each sequence's own length n, (B, S, 2S): padding changes nothing, as the paper's does. */
function tabulateLengths(S: number, lengths: Tensor): Tensor {
  const B = lengths.shape[0]!;
  const n = reshape(lengths, [B, 1, 1]);
  const product = multiply(reshape(iota(S), [1, S, 1]), reshape(iota(S), [1, 1, S])); // j k
  const rest = subtract(product, multiply(divide(product, n), n)); // j k mod n
  const angle = divide(multiply(cast(rest, "f32"), 2 * Math.PI), cast(n, "f32"));
  return concat([cos(angle), negate(sin(angle))], 2);
}
