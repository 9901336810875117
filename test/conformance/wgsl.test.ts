// Kernels as WGSL: every one of a recipe and of random graphs is read by a parser of the language. That is syntax and bindings; nothing
// here runs them.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";
import { quickstart } from "../../recipes/quickstart.ts";
import { compileGraph } from "../../src/compiler/compile.ts";
import { emitWgslKernel } from "../../src/compiler/emitters/emit-wgsl.ts";
import type { LoopKernel } from "../../src/compiler/loops/ir.ts";
import { cudaTarget } from "../../src/compiler/targets/cuda-target.ts";
import { commonGpu } from "../../src/compiler/targets/gpu-device.ts";
import { broadcast, constant, input, multiply } from "../../src/graph/operations.ts";
import type { Graph } from "../../src/graph/tensor.ts";
import { dequantise, quantise } from "../../src/optim/eight-bits.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";
import { buildRandom, randomGraph } from "./backend-conformance.ts";

/** What WebGPU promises everywhere: workgroups of 256 threads, and elements one at a time. */
const webGpu = { ...commonGpu, mostThreads: 256, mostChunk: 1 };

function emitKernels(graph: Graph) {
  const kernels: LoopKernel[] = [];
  compileGraph(graph, cudaTarget(webGpu), {
    ...{ threads: 1, precision: "f32" },
    inspectKernel: (kernel, stage) => {
      if (stage === "hoisted") kernels.push(kernel);
    },
  });
  return kernels.map(kernel => {
    const { source, bindings } = emitWgslKernel({ ...kernel, threads: kernel.threads! }, webGpu);
    // A word of the language once, and to this parser still.
    return { source: source.replaceAll(/\bblock\b/g, "own_block"), bindings };
  });
}

test("every kernel of a training is WGSL, with a binding for each tensor", () => {
  const shortened = { ...quickstart, model: { ...quickstart.model, layers: 1 } };
  const seen = new Set<string>();
  for (const graph of Object.values(buildStepGraphs(defineTraining(shortened)))) {
    for (const { source, bindings } of emitKernels(graph)) {
      if (seen.has(source)) continue;
      seen.add(source);
      const { entry, storage } = new WgslReflect(source);
      assert.deepEqual([entry.compute.length, storage.length], [1, bindings.length], source);
      assert.ok(Number(/@workgroup_size\((\d+)\)/.exec(source)![1]) <= webGpu.mostThreads);
    }
  }
  assert.ok(seen.size > 10);
});

test("moments in eight bits are words there", () => {
  const x = input("x", [40, 30], "f32");
  const { codes, scales } = quantise(x, 64, "signed");
  const graph = { outputs: { codes, scales, back: dequantise(codes, scales, [40, 30], "signed") }, updates: {} };
  const sources = emitKernels(graph).map(({ source }) => source);
  for (const source of sources) assert.equal(new WgslReflect(source).entry.compute.length, 1, source);
  assert.ok(sources.some(source => source.includes("array<u32>")));
});

test("a constant that f32 does not hold is infinite there", () => {
  const x = input("x", [8], "f32");
  const times = (value: number) => multiply(x, broadcast(constant(value), [8]));
  const graph = { outputs: { up: times(1e39), down: times(-1e39) }, updates: {} };
  const source = emitKernels(graph)
    .map(kernel => kernel.source)
    .join("\n");
  assert.match(source, /[^-]infinity\(\)/);
  assert.match(source, /\(-infinity\(\)\)/);
  assert.doesNotMatch(source, /Infinity/);
});

test("kernels of random graphs are WGSL", () => {
  fc.assert(
    fc.property(randomGraph, steps => {
      for (const { source } of emitKernels(buildRandom(steps)))
        assert.equal(new WgslReflect(source).entry.compute.length, 1);
    }),
    { numRuns: 20, seed: 5 },
  );
});
