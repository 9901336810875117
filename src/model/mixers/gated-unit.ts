// The gated attention unit, FLASH-quad: attention of one head with squared ReLU for softmax, within a gated layer. Two of them stand for
// a layer of attention and one of feed-forward, so the paper's models have no feed-forward: feedForwardEvery 0.
//
// B sequences, S positions each, width C, T = B·S, expanded width E, query width Q.

import { z } from "zod";
import {
  add,
  cast,
  divide,
  iota,
  less,
  matmul,
  multiply,
  reshape,
  select,
  slice,
  transpose,
} from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { reluSquared, silu } from "../../nn/activation.ts";
import type { Mixer } from "./mixer.ts";

const schema = z.strictObject({
  name: z.literal("gated-unit"),
  expansion: z.number().int().min(1).max(16).default(2).describe("width of gate and values, in widths of the model"),
  queryWidth: z.number().int().min(1).max(4096).default(128).describe("width of queries and keys"),
});
export type GatedUnitSettings = z.output<typeof schema>;

export const gatedUnit = {
  name: "gated-unit",
  summary: "FLASH-quad: one head, relu(q kᵀ)² / n, within a gated layer",
  source: "Hua et al. 2022, arXiv 2202.10447",
  schema,
  rotates: false,
  separates: false,
  asksFew: () => false,
  hasHeads: false,
  listParameters: ({ expansion, queryWidth: Q }, { width: C }, _, make) => [
    ...make.projection("in", C, 2 * expansion * C + Q, "in"),
    make.vector("queryGain", Q, 1),
    make.vector("queryBias", Q, 0),
    make.vector("keyGain", Q, 1),
    make.vector("keyBias", Q, 0),
    ...make.projection("output", expansion * C, C, "out"),
  ],
  apply: (x, { expansion, queryWidth: Q }, { find, project, length: S, lengths, keepRows }) => {
    const [T, C] = x.shape as [number, number];
    const B = T / S;
    const E = expansion * C;
    const wide = silu(project(x, "in")); // (T, 2E + Q): gate, values, what queries and keys are made of
    const shared = slice(wide, 1, 2 * E, 2 * E + Q);
    const affine = (name: string): Tensor =>
      reshape(add(multiply(shared, find(`${name}Gain`)), find(`${name}Bias`)), [B, S, Q]);
    const kernel = reluSquared(matmul(affine("query"), transpose(affine("key")))); // (B, S, S)
    const values = reshape(slice(wide, 1, E, 2 * E), [B, S, E]);
    const mixed = reshape(matmul(weigh(kernel, lengths), values), [T, E]);
    return project(multiply(keepRows(slice(wide, 1, 0, E)), keepRows(mixed)), "output");
  },
  // q kᵀ and the weighted sum of the values.
  countProducts: ({ expansion, queryWidth }, { width, sequenceLength }) =>
    sequenceLength * (queryWidth + expansion * width),
  listTables: () => ({}),
  findFault: () => undefined,
} satisfies Mixer<GatedUnitSettings>;

/** The kernel (B, S, S) over the number of keys; 0 for keys that are padding. */
function weigh(kernel: Tensor, lengths: Tensor | undefined): Tensor {
  const [B, S] = kernel.shape as [number, number, number];
  if (lengths === undefined) return multiply(kernel, 1 / S);
  const n = reshape(lengths, [B, 1, 1]);
  return divide(select(less(reshape(iota(S), [1, 1, S]), n), kernel, 0), cast(n, "f32"));
}
