// NVRTC compiles every kernel of the recipes' programs for three generations of GPUs; no GPU is needed. None of them may keep
// values in local memory: what does not fit into registers crosses memory once more.

import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { glue } from "../../recipes/glue.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileForCuda } from "../../src/backends/cuda/cuda.ts";
import { findCudaLibrary } from "../../src/backends/cuda/driver/libraries.ts";
import { type CudaCompiler, openNvrtc } from "../../src/backends/cuda/driver/nvrtc.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { emitModule } from "../../src/backends/cuda/load-program.ts";
import { buildTrainingGraph } from "../../src/evaluate/finetuning/finetune-step.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { Graph, Precision } from "../../src/graph/tensor.ts";
import { attention } from "../../src/nn/attention.ts";
import { defineTraining } from "../../src/train/definition.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";
import { skipWithout } from "../required.ts";
import { readFrameBytes } from "./cubin.ts";

/** Two layers have the kernels of all, but for the streams of dropout. */
const withTwoLayers = <Model extends { readonly layers: number }>(model: Model): Model => ({ ...model, layers: 2 });
const pretraining = (recipe: Recipe, microBatchSequences: number): Graph[] => {
  const { model, train } = recipe;
  const shortened = { ...recipe, model: withTwoLayers(model), train: { ...train, microBatchSequences } };
  return Object.values(buildStepGraphs(defineTraining(shortened)));
};
const classifier = {
  kind: "classification",
  outputs: 3,
  pooler: glue.pooler,
  head: glue.head,
  headWidth: glue.headWidth,
} as const;
const programs: Readonly<Record<string, () => readonly Graph[]>> = {
  "crammed-bert": () => pretraining(crammedBert, 128),
  "crammed-bert-small": () => pretraining(crammedBertSmall, 32),
  quickstart: () => pretraining(quickstart, 16),
  finetuning: () => [buildTrainingGraph({ ...withTwoLayers(crammedBert.model), head: "tied" }, classifier, glue, 128)],
};

function openCompiler(): CudaCompiler | string {
  try {
    return openNvrtc(findCudaLibrary("nvrtc"));
  } catch (error) {
    return (error as Error).message;
  }
}

/** One text of every kernel of the graphs, equal ones once. */
function emitGraphs(
  graphs: readonly Graph[],
  precision: Precision,
  computeCapability: number,
): { text: string; names: string[] } {
  const known = new Map<string, string>();
  for (const graph of graphs) {
    const { kernels } = compileForCuda(graph, precision, figuresOf(computeCapability));
    for (const { name, source } of kernels) {
      const nameless = source.replaceAll(name, "KERNEL");
      if (source !== "" && !known.has(nameless)) known.set(nameless, `kernel_${known.size}`);
    }
  }
  const printed = [...known].map(([source, name]) => source.replaceAll("KERNEL", name));
  return { text: emitModule(printed, precision), names: [...known.values()] };
}

const compiler = openCompiler();
const skip = skipWithout("cuda", typeof compiler === "string" ? compiler : undefined);
for (const [name, build] of Object.entries(programs)) {
  test(`NVRTC compiles ${name}, and no kernel spills`, { skip, timeout: 300_000 }, async () => {
    for (const [capability, precision] of [
      [75, "f16"],
      [80, "bf16"],
      [90, "bf16"],
    ] as const) {
      const module = emitGraphs(build(), precision, capability);
      const frames = readFrameBytes(await (compiler as CudaCompiler).compile(module.text, capability));
      assert.deepEqual([...frames.keys()].sort(), [...module.names].sort());
      const spilling = [...frames].filter(([, bytes]) => bytes > 0);
      const sources = module.text.split(/(?=extern "C")/);
      const described = spilling.map(
        ([kernel, bytes]) => `${bytes} bytes: ${sources.find(source => source.includes(` ${kernel}(`))}`,
      );
      assert.deepEqual(described, [], `sm_${capability}`);
    }
  });
}

/** Forward and backward of one layer's attention. */
function drawAttention(headWidth: number, length: number): Graph {
  const qkv = g.input("qkv", [2 * length, 3 * 2 * headWidth], "f32");
  const result = attention(qkv, { batch: 2, heads: 2, headWidth, length });
  const loss = g.sum(g.multiply(result, result), [0, 1]);
  return { outputs: { result, gradient: differentiate(loss, [qkv])[0]! }, updates: {} };
}

test("attention of any head width and length keeps nothing in local memory", { skip, timeout: 300_000 }, async () => {
  const draw = (widths: readonly number[]) =>
    widths.flatMap(width => [64, 128, 256, 512].map(length => drawAttention(width, length)));
  for (const [capability, precision, widest] of [
    // 7.5 keeps eight registers of a head of 128 there: its halves are converted one by one.
    [75, "f16", 64],
    [80, "bf16", 128],
    [86, "f16", 128],
    [90, "bf16", 128],
  ] as const) {
    const module = emitGraphs(draw([32, 64, 128].filter(width => width <= widest)), precision, capability);
    const frames = readFrameBytes(await (compiler as CudaCompiler).compile(module.text, capability));
    const sources = module.text.split(/(?=extern "C")/);
    const spilling = [...frames]
      .filter(([, bytes]) => bytes > 0)
      .map(([name, bytes]) => `${bytes} bytes: ${sources.find(source => source.includes(` ${name}(`))}`);
    assert.deepEqual(spilling, [], `sm_${capability}`);
  }
});

test("NVRTC compiles the exact programs too", { skip, timeout: 300_000 }, async () => {
  const { text, names } = emitGraphs([...pretraining(quickstart, 16), ...pretraining(crammedBert, 64)], "f32", 80);
  assert.equal(readFrameBytes(await (compiler as CudaCompiler).compile(text, 80)).size, names.length);
});
