// Gradients of a norm's gain and bias, which a cpu sums block by block in the kernel of the norm's own gradient, against what they are
// by definition (Ba et al. 2016), in float64.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { compileForCpu, openCpu } from "../../src/backends/cpu/cpu.ts";
import { RandomSequence, streams } from "../../src/base/random.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input, matmul, multiply, sum } from "../../src/graph/operations.ts";
import type { Graph } from "../../src/graph/tensor.ts";
import { layerNorm } from "../../src/nn/norm.ts";

let backend: Backend;
before(async () => {
  backend = await openCpu({ threads: 2, precision: "f32" });
});
after(() => backend.close());

const epsilon = 1e-3;

/** Of a norm's result y, its gradient 2 y m mᵀ: that of Σ (y m)². The product has to be done between, so that kernels are two. */
function differentiateNorm(rows: number, columns: number): Graph {
  const x = input("x", [rows, columns], "f32");
  const [weight, bias] = ["weight", "bias"].map(name => input(name, [columns], "f32"));
  const product = matmul(layerNorm(x, weight!, bias!, epsilon), input("m", [columns, 1], "f32"));
  const [ofX, ofWeight, ofBias] = differentiate(sum(multiply(product, product), [0, 1]), [x, weight!, bias!]);
  return { outputs: { ofX: ofX!, ofWeight: ofWeight!, ofBias: ofBias! }, updates: {} };
}

interface Values {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly m: Float32Array;
}

function differentiateByDefinition({ x, weight, bias, m }: Values) {
  const columns = weight.length;
  const ofX = new Float64Array(x.length);
  const ofWeight = new Float64Array(columns);
  const ofBias = new Float64Array(columns);
  const mean = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0) / columns;
  for (let row = 0; row < x.length; row += columns) {
    const values = [...x.subarray(row, row + columns)];
    const centre = mean(values);
    const scale = 1 / Math.sqrt(mean(values.map(value => (value - centre) ** 2)) + epsilon);
    const normal = values.map(value => (value - centre) * scale);
    const product = normal.reduce((total, value, c) => total + (value * weight[c]! + bias[c]!) * m[c]!, 0);
    const given = normal.map((_, c) => 2 * product * m[c]!);
    const weighted = normal.map((_, c) => given[c]! * weight[c]!);
    const along = mean(normal.map((value, c) => value * weighted[c]!));
    for (const [c, value] of normal.entries()) {
      ofX[row + c] = scale * (weighted[c]! - mean(weighted) - value * along);
      ofWeight[c]! += given[c]! * value;
      ofBias[c]! += given[c]!;
    }
  }
  return { ofX, ofWeight, ofBias };
}

// 32 blocks of 3 rows; rows of one tile of columns, of a part of one, and of two.
for (const columns of [256, 10, 320]) {
  test(`sums over rows of ${columns} columns, beside the gradient of the rows`, async () => {
    const rows = 96;
    const graph = differentiateNorm(rows, columns);
    const { kernels } = compileForCpu(graph, 2, "f32");
    assert.ok(kernels.some(({ name }) => name.startsWith("row_sums")));
    const random = new RandomSequence(5, streams.sampling, columns);
    const draw = (length: number) => Float32Array.from({ length }, () => random.uniform() - 0.5);
    const values = { x: draw(rows * columns), weight: draw(columns), bias: draw(columns), m: draw(columns) };
    const found = await (await backend.load(graph, new Map())).run({ ...values });
    for (const [name, expected] of Object.entries(differentiateByDefinition(values))) {
      for (const [i, value] of expected.entries()) {
        const seen = found[name]![i]!;
        assert.ok(Math.abs(seen - value) <= 1e-4 * (1 + Math.abs(value)), `${name}[${i}]: ${seen}, ${value}`);
      }
    }
  });
}
