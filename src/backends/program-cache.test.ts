// Programs that are found again are those that would be compiled, and whatever changes a program changes under what name it is found.

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { useOwnCache } from "../../test/own-cache.ts";
import { describeGraph } from "../graph/describe-graph.ts";
import * as g from "../graph/operations.ts";
import { type CompositeDefinition, createTensor, type Graph, type Tensor } from "../graph/tensor.ts";
import { defineTraining } from "../train/definition.ts";
import { buildStepGraphs } from "../train/step/step-graphs.ts";
import { compileForCpu } from "./cpu/cpu.ts";
import { compileOnce } from "./program-cache.ts";

const folder = useOwnCache();

test("a program that was compiled before is that program, and is compiled anew where it was changed on disk", () => {
  let compiled = 0;
  const compile = (graph: Graph) => {
    compiled++;
    // What a fast machine compiles at once is not kept.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
    return compileForCpu(graph, 2, "f32");
  };
  const build = () => buildStepGraphs(defineTraining(quickstart)).first;
  const right = compile(build());
  for (const expected of [2, 2]) {
    assert.deepEqual(compileOnce(build(), ["f32"], compile), right);
    assert.equal(compiled, expected);
  }
  compileOnce(build(), ["bf16"], compile);
  assert.equal(compiled, 3);
  const kernels = join(folder, "kernels");
  for (const name of readdirSync(kernels)) writeFileSync(join(kernels, name), '{"buffers":[]}');
  assert.deepEqual(compileOnce(build(), ["f32"], compile), right);
  assert.equal(compiled, 4);
});

const made = (of: (x: Tensor) => Tensor): CompositeDefinition => ({ name: "own", decompose: ([x]) => of(x!) });
const composite = (definition: CompositeDefinition, rate = 1) => {
  const x = g.input("x", [4], "f32");
  return createTensor({ kind: "composite", definition, attributes: { rate } }, [x], [4], "f32");
};
const graphOf = (y: Tensor): Graph => ({ outputs: { y }, updates: {} });
const x = (shape = [4], dtype: "f32" | "bf16" = "f32") => g.input("x", shape, dtype);

test("graphs have one text if they are one, and another if anything differs", () => {
  const distinct: (() => Graph)[] = [
    () => graphOf(g.add(x(), 1)),
    () => graphOf(g.add(x(), 2)),
    () => graphOf(g.add(x(), -0)),
    () => graphOf(g.add(x(), 0)),
    () => graphOf(g.multiply(x(), 1)),
    () => graphOf(g.add(x([5]), 1)),
    () => graphOf(g.add(x([4], "bf16"), 1)),
    () => graphOf(g.add(g.input("z", [4], "f32"), 1)),
    () => graphOf(g.add(g.state("x", [4]), 1)),
    () => ({ outputs: { z: g.add(x(), 1) }, updates: {} }),
    () => ({ outputs: {}, updates: { y: g.add(x(), 1) } }),
    () => ({ ...graphOf(g.add(x(), 1)), recomputes: true }),
    () => graphOf(g.add(g.exp(x()), g.log(x()))),
    () => graphOf(g.subtract(g.exp(x()), g.log(x()))),
    () => {
      const given = x();
      return graphOf(g.subtract(given, g.exp(given)));
    },
    () => {
      const given = x();
      return graphOf(g.subtract(g.exp(given), given));
    },
    () => graphOf(composite(made(each => g.multiply(each, 2)))),
    () =>
      graphOf(
        composite(
          made(each => g.multiply(each, 2)),
          2,
        ),
      ),
    () => graphOf(composite(made(each => g.multiply(each, 3)))),
    () => graphOf(composite(made(() => composite(made(inner => g.add(inner, 1)))))),
  ];
  const texts = distinct.map(build => describeGraph(build()));
  assert.equal(new Set(texts).size, distinct.length);
  // Made again, their tensors have other numbers.
  assert.deepEqual(
    distinct.map(build => describeGraph(build())),
    texts,
  );
});
