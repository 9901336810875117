// One row an operation: a small graph over odd shapes that uses it. The gradient suite differentiates every row, the
// conformance suite runs every row on every backend, so a new operation is tested everywhere by adding one line.

import * as g from "../../src/graph/operations.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { geglu, gelu } from "../../src/nn/activation.ts";
import { attention, queriedAttention } from "../../src/nn/attention.ts";
import { decodedLossOfRows } from "../../src/nn/decoded-loss.ts";
import { crossEntropy, crossEntropyOfRows } from "../../src/nn/losses.ts";
import { layerNorm, softmax } from "../../src/nn/norm.ts";
import { applyRotary } from "../../src/nn/rotary.ts";
import { shiftRows } from "../../src/nn/shift.ts";

export interface OperationCase {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  /** Values are drawn around this; 0 unless the operation needs positive operands. */
  readonly centre?: number;
  readonly build: (operands: readonly Tensor[]) => Tensor;
}

type Build = (...operands: Tensor[]) => Tensor;
const row = (name: string, shapes: number[][], build: Build, centre = 0): OperationCase => ({
  name,
  shapes,
  centre,
  build: operands => build(...operands),
});

const indices = (values: readonly number[]) =>
  g.concat(
    values.map(value => g.fill(value, [1], "i32")),
    0,
  );

const layout = { batch: 2, length: 5, heads: 3, headWidth: 4 };

/** (S, D): cosines and sines of an angle that grows with the position; rotations, so that gradients turn back exactly. */
function rotaryTable(): Tensor {
  const angles = g.multiply(g.reshape(g.cast(g.iota(10), "f32"), [5, 2]), 0.7);
  return g.concat([g.cos(angles), g.sin(angles)], 1);
}

export const operationCases: readonly OperationCase[] = [
  row("add, broadcast from a row", [[5, 7], [7]], g.add),
  row(
    "subtract, broadcast from a column",
    [
      [5, 7],
      [5, 1],
    ],
    g.subtract,
  ),
  row(
    "multiply",
    [
      [3, 17],
      [3, 17],
    ],
    g.multiply,
  ),
  row(
    "divide",
    [
      [4, 9],
      [4, 9],
    ],
    (a, b) => g.divide(a, g.add(g.multiply(b, b), 1)),
  ),
  row("divide by a constant", [[4, 9]], a => g.divide(a, 3)),
  row(
    "maximum",
    [
      [6, 5],
      [6, 5],
    ],
    g.maximum,
  ),
  row(
    "minimum",
    [
      [6, 5],
      [6, 5],
    ],
    g.minimum,
  ),
  row("negate", [[33]], g.negate),
  row("exp", [[2, 33]], g.exp),
  row("log", [[2, 33]], g.log, 4),
  row("sqrt", [[2, 33]], g.sqrt, 4),
  row("rsqrt", [[2, 33]], g.rsqrt, 4),
  row("sin", [[31]], g.sin),
  row("cos", [[31]], g.cos),
  row("tanh", [[2, 31]], g.tanh),
  row("erf", [[2, 31]], g.erf),
  row(
    "select by less",
    [
      [5, 5],
      [5, 5],
    ],
    (a, b) => g.select(g.less(a, b), g.multiply(a, 2), g.exp(b)),
  ),
  row("select by equal to a position", [[4, 6]], a =>
    g.select(g.equal(g.iota(6), g.fill(2, [6], "i32")), a, g.multiply(a, a)),
  ),
  row("sum of rows", [[5, 19]], a => g.sum(a, [1])),
  row("sum of columns", [[19, 5]], a => g.sum(a, [0])),
  row("sum of many columns", [[256, 300]], a => g.sum(a, [0])),
  row("sum of a middle axis", [[3, 4, 5]], a => g.sum(a, [1])),
  row("sum of the outer axes", [[3, 4, 5]], a => g.sum(a, [0, 2])),
  row("sum of all", [[3, 4, 5]], a => g.sum(a, [0, 1, 2])),
  row("max of rows", [[5, 19]], a => g.max(a, [1])),
  row("max of columns", [[7, 6]], a => g.max(a, [0])),
  row("mean", [[5, 19]], a => g.mean(a, [-1])),
  row("reshape", [[6, 10]], a => g.tanh(g.reshape(g.exp(a), [4, 15]))),
  row("permute", [[3, 4, 5]], a => g.multiply(g.permute(a, [2, 0, 1]), 2)),
  row("reshape after permute", [[3, 4, 5]], a => g.exp(g.reshape(g.permute(a, [1, 0, 2]), [6, 10]))),
  row("broadcast", [[4, 1]], a => g.multiply(g.broadcast(a, [4, 9]), 3)),
  row("slice", [[6, 11]], a => g.exp(g.slice(g.slice(a, 1, 2, 9), 0, 1, 5))),
  row(
    "concat of columns",
    [
      [3, 5],
      [3, 2],
    ],
    (a, b) => g.concat([g.exp(a), b, a], 1),
  ),
  row(
    "concat of rows",
    [
      [3, 5],
      [2, 5],
    ],
    (a, b) => g.concat([a, g.multiply(b, b)], 0),
  ),
  row(
    "concat read elsewhere",
    [
      [3, 5],
      [3, 2],
    ],
    (a, b) => g.sum(g.exp(g.concat([a, b], 1)), [1]),
  ),
  row(
    "matmul",
    [
      [13, 7],
      [7, 21],
    ],
    g.matmul,
  ),
  row(
    "matmul, large and odd",
    [
      [200, 390],
      [390, 261],
    ],
    (a, b) => g.multiply(g.matmul(a, b), 0.05),
  ),
  row(
    "matmul of one row",
    [
      [1, 9],
      [9, 5],
    ],
    g.matmul,
  ),
  row(
    "matmul, both transposed",
    [
      [7, 13],
      [21, 7],
    ],
    (a, b) => g.matmul(g.transpose(a), g.transpose(b)),
  ),
  row(
    "matmul, added to itself",
    [
      [5, 4],
      [4, 6],
    ],
    (a, b) => {
      const product = g.matmul(a, b);
      return g.exp(g.add(product, product));
    },
  ),
  row("matmul with itself", [[6, 6]], a => g.matmul(a, g.transpose(a))),
  row(
    "matmul in batches",
    [
      [2, 3, 5, 4],
      [2, 3, 4, 6],
    ],
    g.matmul,
  ),
  row(
    "matmul of permuted batches",
    [
      [2, 5, 3, 4],
      [2, 6, 3, 4],
    ],
    (a, b) => g.matmul(g.permute(a, [0, 2, 1, 3]), g.permute(b, [0, 2, 3, 1])),
  ),
  row("matmul, then elementwise", [[9, 5], [5, 8], [8], [9, 8]], (a, b, c, d) =>
    g.add(g.exp(g.add(g.matmul(a, b), c)), d),
  ),
  row("gather", [[6, 5]], a => g.exp(g.gather(a, indices([3, 0, 3, 5])))),
  row("scatterAdd", [[4, 5]], a => g.exp(g.scatterAdd(a, indices([3, 0, 3, 5]), 7))),
  row("scatterAdd at indices that are computed", [[6, 5]], a => {
    const table = g.multiply(g.iota(3), 2);
    const computed = g.add(g.reshape(table, [3, 1]), g.reshape(g.iota(2), [1, 2])); // (3, 2)
    return g.exp(g.scatterAdd(a, g.reshape(computed, [6]), 7));
  }),
  row(
    "sum of three scatterAdds",
    [
      [4, 5],
      [3, 5],
      [2, 5],
    ],
    (a, b, c) => {
      const two = g.add(g.scatterAdd(a, indices([3, 0, 3, 5]), 7), g.scatterAdd(b, indices([6, 3, 1]), 7));
      return g.exp(g.add(two, g.scatterAdd(c, indices([2, 3]), 7)));
    },
  ),
  row(
    "replaceRows",
    [
      [7, 5],
      [3, 5],
    ],
    (a, b) => g.exp(g.replaceRows(a, indices([3, 0, 6]), b)),
  ),
  row(
    "cast of a comparison",
    [
      [4, 5],
      [4, 5],
    ],
    (a, b) => g.multiply(g.cast(g.less(a, b), "f32"), g.add(a, b)),
  ),
  row("softmax", [[5, 37]], softmax),
  row("layer norm", [[9, 40], [40], [40]], (x, weight, bias) => layerNorm(x, weight, bias, 1e-5)),
  // A row's sums and maxima go by lanes where its columns are a multiple of 64.
  row("softmax of one strip", [[5, 64]], softmax),
  row("softmax of several strips", [[3, 320]], softmax),
  row("layer norm of several strips", [[9, 192], [192], [192]], (x, weight, bias) => layerNorm(x, weight, bias, 1e-5)),
  row("largest of rows below zero", [[4, 128]], a => g.max(g.subtract(a, 50), [1]), -5),
  row("gelu", [[4, 9]], gelu),
  row("geglu", [[5, 14]], geglu),
  row(
    "geglu of a product",
    [
      [6, 10],
      [10, 16],
      [8, 7],
    ],
    (x, up, down) => g.matmul(geglu(g.matmul(x, up)), down),
  ),
  row("attention", [[2 * 5, 3 * 3 * 4]], qkv => attention(qkv, layout)),
  row("attention of padded sequences", [[2 * 5, 3 * 3 * 4]], qkv => attention(qkv, layout, indices([5, 2]))),
  row(
    "attention of a few queries",
    [
      [2 * 3, 3 * 4],
      [2 * 5, 2 * 3 * 4],
    ],
    (queries, kv) => queriedAttention(queries, kv, layout),
  ),
  row("attention of queries that are gathered, of padded sequences", [[2 * 5, 3 * 3 * 4]], qkv => {
    const queries = g.gather(g.slice(qkv, 1, 0, 3 * 4), indices([1, 3, 5, 6]));
    return queriedAttention(queries, g.slice(g.exp(qkv), 1, 3 * 4, 3 * 3 * 4), layout, indices([5, 2]));
  }),
  row("rows shifted within sequences", [[2 * 5, 3]], x =>
    g.exp(g.concat([shiftRows(x, 5, -2), shiftRows(x, 5, 1), shiftRows(x, 5, 4)], 1)),
  ),
  row("rotary of keys and values", [[2 * 5, 2 * 3 * 4]], kv => g.exp(applyRotary(kv, rotaryTable(), layout, 2, 1))),
  row("rotary", [[2 * 5, 3 * 3 * 4]], qkv => g.exp(applyRotary(qkv, rotaryTable(), layout))),
  row(
    "attention of a rotated product",
    [
      [2 * 5, 7],
      [7, 3 * 3 * 4],
    ],
    (x, w) => attention(applyRotary(g.matmul(x, w), rotaryTable(), layout), layout),
  ),
  row("cross-entropy", [[4, 11]], logits => crossEntropy(logits, indices([3, 0, 10, 3]))),
  row("cross-entropy of several strips", [[4, 512]], logits => crossEntropy(logits, indices([3, 0, 511, 256]))),
  row(
    "cross-entropy of rows that have weights of their own",
    [
      [6, 11],
      [6, 5],
    ],
    (logits, z) => {
      const weights = g.sum(g.multiply(z, z), [1]); // (6, 1), made by another kernel
      const losses = g.multiply(crossEntropyOfRows(g.exp(logits), indices([3, 0, 10, 3, 7, 1])), weights);
      return g.sum(g.multiply(losses, losses), [0]); // a row's gradient needs its loss and its weight
    },
  ),
  row(
    "cross-entropy of decoded rows, in tiles",
    [
      [7, 5],
      [11, 5],
    ],
    (rows, table) => decodedLossOfRows(rows, table, indices([3, 0, 10, 3, 7, 1, 4]), undefined, 3),
  ),
  row("cross-entropy of decoded rows, with a bias", [[4, 5], [9, 5], [9]], (rows, table, bias) =>
    decodedLossOfRows(rows, table, indices([3, 0, 8, 3]), bias, 2),
  ),
  row(
    "a gated layer",
    [
      [6, 10],
      [10, 16],
      [8, 10],
    ],
    (x, up, down) => {
      const hidden = g.matmul(x, up);
      const gate = g.slice(hidden, 1, 8, 16);
      const active = g.multiply(gate, g.multiply(0.5, g.add(1, g.erf(g.multiply(gate, Math.SQRT1_2)))));
      return g.add(x, g.matmul(g.multiply(g.slice(hidden, 1, 0, 8), active), down));
    },
  ),
];
