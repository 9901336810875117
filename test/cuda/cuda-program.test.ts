// What the compiler makes of a graph for a GPU, counted: passes over memory, products that write what they should. Nothing runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { compileForCuda } from "../../src/backends/cuda/cuda.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { compileGraph } from "../../src/compiler/compile.ts";
import type { Program } from "../../src/compiler/program/program.ts";
import { cudaTarget } from "../../src/compiler/targets/cuda-target.ts";
import { commonGpu } from "../../src/compiler/targets/gpu-device.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { Graph, Tensor } from "../../src/graph/tensor.ts";
import { geglu } from "../../src/nn/activation.ts";
import { crossEntropy } from "../../src/nn/losses.ts";
import { layerNorm } from "../../src/nn/norm.ts";
import { buildUpdate } from "../../src/optim/update.ts";
import { defineTraining } from "../../src/train/definition.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";

const compile = (graph: Partial<Graph>, precision: "f32" | "bf16" = "bf16"): Program =>
  compileGraph({ outputs: {}, updates: {}, ...graph }, cudaTarget(commonGpu), { threads: 1, precision });
const kinds = (program: Program) =>
  program.launches.map(({ kernel }) => program.kernels[kernel]!.name.replace(/_.*$/, ""));
const products = (program: Program) => program.kernels.flatMap(({ product }) => product ?? []);

/** How often each named buffer is read or written. */
function countPasses({ launches, buffers }: Program, name: string): number {
  return launches.filter(launch => launch.buffers.some(at => buffers[at]!.name === name)).length;
}

test("sums of columns are cut for the multiprocessors that there are", () => {
  const graph = { outputs: { y: g.sum(g.input("tall", [262_144, 96], "f32"), [0]) }, updates: {} };
  const countFirst = (multiprocessors: number) =>
    compileGraph(graph, cudaTarget({ ...commonGpu, multiprocessors }), { threads: 1, precision: "f32" }).launches[0]!
      .blocks;
  assert.deepEqual([108, 132, 80, 20, 4].map(countFirst), [512, 512, 256, 64, 16]);
});

const x = g.input("x", [1024, 96], "f32");
const weight = g.state("weight", [96, 96]);

test("a residual is added where its product is written, and the old residual stays", () => {
  const program = compile({ outputs: { y: g.add(x, g.matmul(g.tanh(x), weight)) } });
  assert.deepEqual(kinds(program), ["row", "row", "matmul"]);
  assert.deepEqual(
    products(program).map(({ accumulates, outDtype }) => [accumulates, outDtype]),
    [[true, "f32"]],
  );
  const { buffers } = program.launches.at(-1)!;
  assert.deepEqual(
    buffers.slice(2).map(at => program.buffers[at]!.name),
    ["y", "x"],
  );
});

test("a gradient is added up in place by the product that makes it", () => {
  const sum = g.state("gradient", [96, 96]);
  const program = compile({ updates: { gradient: g.add(sum, g.matmul(g.transpose(g.tanh(x)), x)) } });
  assert.deepEqual(kinds(program), ["row", "matmul"]);
  const { buffers } = program.launches.at(-1)!;
  assert.equal(buffers[2], buffers[3]);
  const [product] = products(program);
  assert.deepEqual([product!.a.row, product!.a.column], [1, 96], "the transposed operand is read where it lies");
});

test("an operand that repeats one row is written out: no library takes rows that overlap", () => {
  const repeated = g.broadcast(g.input("row", [1, 96], "f32"), [64, 96]);
  const [product] = products(compile({ outputs: { y: g.matmul(repeated, g.state("weight", [96, 96])) } }, "f32"));
  assert.deepEqual([product!.a.row, product!.a.column], [96, 1]);
});

test("elementwise work on a product reads it rounded, in one kernel after it", () => {
  const up = g.state("up", [96, 128]);
  const program = compile({ outputs: { y: g.matmul(geglu(g.matmul(x, up)), g.state("down", [64, 96])) } });
  // Casts of x and of two parameters, two products, and the gate between them.
  assert.deepEqual(kinds(program).sort(), ["matmul", "matmul", "row", "row", "row", "row"]);
  assert.equal(products(program)[0]!.outDtype, "bf16");
});

test("a parameter is rounded once, whichever way products read it", () => {
  const hidden = g.matmul(g.tanh(x), weight);
  const back = g.matmul(g.exp(x), g.transpose(weight));
  const program = compile({ outputs: { hidden, back } });
  assert.equal(countPasses(program, "weight"), 1);
});

test("a norm's gradient and those of its weight and bias are one pass over the rows", () => {
  const [scale, shift] = ["scale", "shift"].map(name => g.state(name, [96])) as [Tensor, Tensor];
  const result = g.matmul(layerNorm(x, scale, shift, 1e-12), weight);
  const loss = g.sum(g.multiply(result, result), [0, 1]);
  const [toX, toScale, toShift] = differentiate(loss, [x, scale, shift]) as [Tensor, Tensor, Tensor];
  const program = compile({ outputs: { toX, toScale, toShift } });
  // Forward and backward.
  assert.equal(countPasses(program, "x"), 2);
  const toNorm = program.launches.findIndex(({ buffers }) => buffers.some(at => program.buffers[at]!.name === "toX"));
  const sums = program.launches[toNorm]!.buffers.filter(at => program.buffers[at]!.shape.join("×") === "16×1×96");
  assert.equal(sums.length, 2);
});

test("a cross-entropy and its gradient are one kernel, which alone reads the logits", () => {
  const logits = g.input("logits", [64, 4096], "f32");
  const loss = crossEntropy(logits, g.input("labels", [64], "i32"));
  const program = compile({ outputs: { loss, gradient: differentiate(loss, [logits])[0]! } });
  assert.equal(countPasses(program, "logits"), 1);
  // The other kernel is the mean over the rows.
  assert.deepEqual(kinds(program), ["row", "row"]);
});

test("the last sums of a weight and a bias are added to their gradients in one launch", () => {
  const [scale, shift] = ["scale", "shift"].map(name => g.state(name, [96])) as [Tensor, Tensor];
  const result = g.matmul(layerNorm(x, scale, shift, 1e-12), weight);
  const gradients = differentiate(g.sum(g.multiply(result, result), [0, 1]), [scale, shift]);
  const updates = Object.fromEntries(
    gradients.map((gradient, i) => [`gradient${i}`, g.add(g.state(`gradient${i}`, [96]), gradient)]),
  );
  const program = compile({ updates });
  assert.equal(kinds(program).at(-1), "column");
  assert.equal(countPasses(program, "gradient0"), 1);
  const last = program.launches.at(-1)!.buffers.map(at => program.buffers[at]!.name);
  assert.deepEqual(last.filter(name => name !== "").sort(), ["gradient0", "gradient0", "gradient1", "gradient1"]);
});

test("a token that is a fifth of a text does not wait for one thread block", () => {
  const { batch, columns } = { batch: 65_536, columns: 768 };
  const values = g.input("values", [batch, columns], "f32");
  const program = compile({ outputs: { summed: g.scatterAdd(values, g.input("tokens", [batch], "i32"), 32_768) } });
  // Sorted in pieces, then as a whole; then thread blocks of 64 positions each, whichever token they have; then what crosses them.
  assert.deepEqual(
    program.launches.map(({ kernel, blocks }) => [program.kernels[kernel]!.name.replace(/_\d+$/, ""), blocks]),
    [
      ["scatter_sort", batch / 512],
      ["scatter_place", batch / 512],
      ["scatter_add", batch / 64],
      ["scatter_finish", 32_768 / 32],
    ],
  );
  assert.ok(!program.kernels.some(({ source }) => source.includes("atomic")));
});

test("an f32 store is sixteen bytes a thread, so that a warp writes whole sectors", () => {
  const rounded = g.cast(g.cast(x, "bf16"), "f32");
  const sum = g.add(rounded, g.sum(rounded, [1]));
  for (const y of [g.tanh(rounded), g.subtract(sum, g.state("shift", [96]))]) {
    const { kernels } = compile({ outputs: { y, half: g.cast(x, "bf16") } });
    assert.ok(!kernels.some(({ source }) => source.includes("*(float_x8 *)")));
    assert.ok(kernels.some(({ source }) => source.includes("*(float_x4 *)")));
  }
  // What is written rounded keeps its eight.
  assert.ok(compile({ outputs: { half: g.cast(g.tanh(x), "bf16") } }).kernels[0]!.source.includes("*(bf16_x8 *)"));
});

test("bytes moved are those that a kernel touches: of a slice, of gathered rows, of a part, of an operand's rows", () => {
  const rows = g.input("rows", [16], "i32");
  const cases: readonly (readonly [string, Tensor, number])[] = [
    ["a slice", g.exp(g.slice(x, 1, 32, 64)), 4 * (1024 * 32 + 1024 * 32)],
    ["gathered rows", g.exp(g.gather(x, rows)), 4 * (16 + 16 * 96 + 16 * 96)],
    ["a row spread over all", g.add(x, g.input("row", [96], "f32")), 4 * (1024 * 96 + 96 + 1024 * 96)],
    ["both halves", g.add(g.slice(x, 0, 0, 512), g.slice(x, 0, 512, 1024)), 4 * (1024 * 96 + 512 * 96)],
    ["rows of an operand", g.matmul(g.slice(x, 0, 0, 16), weight), 4 * (16 * 96 + 96 * 96 + 16 * 96)],
    ["rows added", g.scatterAdd(x, g.input("tokens", [1024], "i32"), 64), 4 * (1024 * 96 + 64 * 96)],
  ];
  for (const [name, y, expected] of cases) {
    const { launches, kernels } = compile({ outputs: { y } }, "f32");
    const counted = launches.filter(({ kernel }) => !/sort|place/.test(kernels[kernel]!.name));
    assert.equal(
      counted.reduce((sum, { bytesMoved }) => sum + bytesMoved, 0),
      expected,
      name,
    );
  }
});

/** Bytes that all kernels but products move in a micro-batch of crammed BERT, in units of one activation (T, C) of bf16. */
function countActivations(layers: number, chosen: Partial<Recipe["train"]> = {}): number {
  const [sequences, { sequenceLength, width }] = [512, crammedBert.model];
  const model = { ...crammedBert.model, layers };
  const train = { ...crammedBert.train, microBatchSequences: sequences, ...chosen };
  const graph = buildStepGraphs(defineTraining({ ...crammedBert, model, train })).next!;
  const { launches, kernels } = compileForCuda(graph, "bf16", figuresOf(90));
  const moved = launches.filter(({ kernel }) => kernels[kernel]!.product === undefined);
  return moved.reduce((sum, { bytesMoved }) => sum + bytesMoved, 0) / (2 * sequences * sequenceLength * width);
}

test("a large micro-batch of a GPU has its logits in one tile, and a small one in tiles that caches hold", () => {
  const countHeads = (microBatchSequences: number) => {
    const model = { ...crammedBert.model, layers: 1 };
    const train = { ...crammedBert.train, microBatchSequences };
    const graph = buildStepGraphs(defineTraining({ ...crammedBert, model, train })).next!;
    const { launches, kernels } = compileForCuda(graph, "bf16", figuresOf(90));
    const all = launches.flatMap(({ kernel }) => kernels[kernel]!.product ?? []);
    return all.filter(({ m, n, k }) => [m, n, k].includes(crammedBert.model.vocabulary)).length;
  };
  // The logits, and the gradients of what is multiplied: three products a tile.
  assert.deepEqual([countHeads(128), countHeads(512)], [6, 3]);
});

test("what a layer of crammed BERT moves besides its products", () => {
  // Two norms 3 each (the residual is f32 and was added by the product before), attention 4, the gate 6; backward: two norms with
  // the gradients of weight, bias and residual 8 each, attention 7, the gate 10; rounding four parameters 0.4, last sums 0.1.
  const perLayer = countActivations(3) - countActivations(2);
  assert.ok(perLayer < 49.6, `${perLayer}`);
});

test("a residual gradient in bf16 takes six of those away: it is read and written rounded, and products read it as it lies", () => {
  const chosen = { residualGradient: "bf16" } as const;
  const perLayer = countActivations(3, chosen) - countActivations(2, chosen);
  assert.ok(perLayer < 43.6, `${perLayer}`);
});

test("what updates many small tensors is many small kernels with one text", () => {
  const names = Array.from({ length: 40 }, (_, i) => `norm${i}`);
  const listed = names.map(name => ({ name, shape: [96], role: "scale", parts: 1 }) as const);
  const settings = {
    name: "adamw",
    learningRate: 1,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-12,
    weightDecay: 0.01,
  } as const;
  const parameters = new Map(names.map(name => [name, g.state(name, [96])]));
  const gradients = new Map(names.map(name => [name, g.state(`gradient.${name}`, [96])]));
  const { updates } = buildUpdate(listed, { ...settings, clip: 1 }, parameters, gradients);
  const program = compile({ updates });
  const widest = Math.max(...program.launches.map(({ buffers }) => buffers.length));
  assert.ok(widest < 64, `a kernel of ${widest} pointers`);
  assert.ok(program.kernels.length < 8, `${program.kernels.length} kernels`);
  assert.ok(!kinds(program).includes("copy"), "each part is updated in place");
});
