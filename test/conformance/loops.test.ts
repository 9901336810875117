// Kernels as data: what holds after every pass over them, on the recipes and on random graphs, and that the check sees each fault.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { findCompositeKernel } from "../../src/backends/cpu/composites.ts";
import { compositeKernels } from "../../src/backends/cuda/composites.ts";
import { figuresOf } from "../../src/backends/cuda/figures.ts";
import { compileGraph } from "../../src/compiler/compile.ts";
import { variableIndex, zeroIndex } from "../../src/compiler/indices/index-expression.ts";
import { checkGroups, type GroupStage } from "../../src/compiler/kernels/check-groups.ts";
import { fuseGraph } from "../../src/compiler/kernels/fusion.ts";
import { copyGroups, type DraftGroup, type FusedGraph } from "../../src/compiler/kernels/group.ts";
import { checkKernel } from "../../src/compiler/loops/check.ts";
import type { Expression, LoopKernel, Stage, Statement } from "../../src/compiler/loops/ir.ts";
import { shareValues } from "../../src/compiler/loops/share.ts";
import { chooseMaterialised } from "../../src/compiler/passes/materialise.ts";
import type { CompileOptions, Target } from "../../src/compiler/target.ts";
import { cpuTarget } from "../../src/compiler/targets/cpu-target.ts";
import { cudaTarget } from "../../src/compiler/targets/cuda-target.ts";
import { commonGpu } from "../../src/compiler/targets/gpu-device.ts";
import * as g from "../../src/graph/operations.ts";
import type { Graph } from "../../src/graph/tensor.ts";
import { defineTraining } from "../../src/train/definition.ts";
import { buildStepGraphs } from "../../src/train/step/step-graphs.ts";
import { buildRandom, randomGraph } from "./backend-conformance.ts";

type Machine = readonly [Target, NonNullable<CompileOptions["findCompositeKernel"]>];
const cpu: Machine = [cpuTarget, (name, attributes) => findCompositeKernel(name, attributes, 2)];
const cuda: Machine = [cudaTarget(commonGpu), compositeKernels("bf16", figuresOf(90))];

/** How many kernels, and how often the groups, were checked at each stage. */
function checkGraph(graph: Graph, [target, findKernel]: Machine, precision: "f32" | "bf16") {
  const seen = new Map<Stage | GroupStage, number>();
  const inspectKernel = (kernel: LoopKernel, stage: Stage) => {
    checkKernel(kernel, stage);
    seen.set(stage, (seen.get(stage) ?? 0) + 1);
  };
  const inspectGroups = (fused: FusedGraph, stage: GroupStage) => {
    checkGroups(fused, stage);
    seen.set(stage, (seen.get(stage) ?? 0) + 1);
  };
  compileGraph(graph, target, { threads: 2, precision, findCompositeKernel: findKernel, inspectKernel, inspectGroups });
  return seen;
}

test("every kernel of the recipes holds after every pass", () => {
  for (const recipe of [crammedBert, quickstart]) {
    const shortened = { ...recipe, model: { ...recipe.model, layers: 2 } };
    for (const graph of Object.values(buildStepGraphs(defineTraining(shortened)))) {
      const onCpu = checkGraph(graph, cpu, "bf16");
      assert.ok(onCpu.get("lowered")! > 0);
      assert.equal(onCpu.get("shared"), onCpu.get("lowered"));
      const onCuda = checkGraph(graph, cuda, "bf16");
      for (const stage of ["fused", "split", "regrouped", "ordered"] as const) assert.equal(onCuda.get(stage), 1);
      // Lowered, with chunks, with what is kept; then hoisted.
      assert.equal(onCuda.get("lowered"), 3 * onCuda.get("hoisted")!);
    }
  }
});

test("every kernel of random graphs holds after every pass", () => {
  fc.assert(
    fc.property(randomGraph, steps => {
      for (const machine of [cpu, cuda]) {
        for (const precision of ["f32", "bf16"] as const) checkGraph(buildRandom(steps), machine, precision);
      }
    }),
    { numRuns: 60, seed: 21 },
  );
});

test("what is wrong with groups is seen", () => {
  const a = g.input("a", [8, 4], "f32");
  const total = g.sum(a, [1]);
  const product = g.matmul(g.tanh(a), g.state("w", [4, 4]));
  const graph = { outputs: { y: g.add(product, g.broadcast(total, [8, 4])) }, updates: {} };
  const fuse = () => fuseGraph(graph, chooseMaterialised(graph, cpuTarget), cpuTarget);
  checkGroups(fuse(), "fused");
  const spoil = (change: (groups: DraftGroup[]) => void) => () => {
    const { groups, inMemory } = fuse();
    const changed = copyGroups(groups);
    change(changed);
    checkGroups({ groups: changed, inMemory }, "fused");
  };
  assert.equal(fuse().groups.length, 2);
  assert.throws(
    spoil(groups => groups.shift()),
    /nothing writes|that is gone/,
  );
  assert.throws(
    spoil(groups => groups.reverse()),
    /comes before a kernel that it waits for/,
  );
  assert.throws(
    spoil(groups => groups.at(-1)!.dependencies.clear()),
    /does not wait for/,
  );
  assert.throws(
    spoil(groups => groups[0]!.dependencies.add(groups.at(-1)!)),
    /needs itself|before a kernel/,
  );
  assert.throws(
    spoil(groups => groups.splice(1, 0, { ...groups[0]! })),
    /two kernels write/,
  );
});

test("constants that JSON cannot tell apart are different values", () => {
  const x = g.input("x", [8], "f32");
  const choose = (value: number) =>
    g.select(g.less(x, g.broadcast(g.constant(0), [8])), x, g.broadcast(g.constant(value), [8]));
  const outputs = { up: choose(Number.POSITIVE_INFINITY), down: choose(Number.NEGATIVE_INFINITY) };
  const { kernels, launches } = compileGraph({ outputs, updates: {} }, cpuTarget, { threads: 1, precision: "f32" });
  assert.equal(launches.length, 1);
  assert.match(kernels[0]!.source, /\(-INFINITY\)/);
  assert.match(kernels[0]!.source, /[^-]INFINITY/);
});

test("a constant that f32 does not hold is infinite in C and in CUDA, and no word of JavaScript's", () => {
  const x = g.input("x", [8], "f32");
  const outputs = Object.fromEntries(
    [1e39, -1e39, Number.MAX_VALUE, 3.4028235e38].map((value, i) => [
      `out${i}`,
      g.multiply(x, g.broadcast(g.constant(value), [8])),
    ]),
  );
  for (const [target] of [cpu, cuda]) {
    const { kernels } = compileGraph({ outputs, updates: {} }, target, { threads: 1, precision: "f32" });
    const source = kernels.map(kernel => kernel.source).join("\n");
    assert.match(source, /\(-INFINITY\)/);
    assert.match(source, /[^-]INFINITY/);
    assert.match(source, /\(3\.4028234\de\+38f\)/);
    assert.doesNotMatch(source, /Infinity/);
  }
});

const x = g.input("x", [4], "f32");
const c = variableIndex("c", 4);
const load: Expression = { kind: "load", type: "f32", tensor: x, at: c };
const two: Expression = { kind: "constant", type: "f32", value: 2 };
const times = (a: Expression, b: Expression): Expression => ({
  kind: "apply",
  type: "f32",
  operation: { kind: "binary", fn: "multiply" },
  operands: [a, b],
});
const read = (name: string): Expression => ({ kind: "read", type: "f32", name });
const store = (value: Expression, at = c): Statement => ({ kind: "store", tensor: x, at, value });
const over = (...body: Statement[]): Statement => ({
  kind: "loop",
  variable: "c",
  from: zeroIndex,
  to: { offset: 4, terms: [] },
  step: 1,
  body,
});
const kernel = (...body: Statement[]): LoopKernel => ({ block: "row", body, lookups: new Map(), blocks: 1, grain: 1 });
const sum: Statement = { kind: "declare", name: "s", type: "f32", begin: "sum" };
const add = (value: Expression): Statement => ({ kind: "accumulate", name: "s", fn: "sum", value });
const name = (of: string, value: Expression): Statement => ({ kind: "let", name: of, value });

const faults: readonly [string, Stage, RegExp, LoopKernel][] = [
  ["a register that nothing defines", "lowered", /nothing defines v9/, kernel(over(store(read("v9"))))],
  ["a variable outside its loop", "lowered", /nothing defines c/, kernel(over(store(load)), store(two))],
  ["a name that is taken", "lowered", /v is defined twice/, kernel(name("v", two), name("v", two))],
  ["an element that is written twice", "lowered", /written twice/, kernel(over(store(load), store(two)))],
  ["a sum that is read before its end", "lowered", /s is not whole/, kernel(sum, over(add(load), store(read("s"))))],
  [
    "an array that nothing has set",
    "lowered",
    /nothing has set/,
    kernel({ kind: "declare", name: "s", type: "f32", count: 4 }, over(store({ ...read("s"), at: c } as Expression))),
  ],
  [
    "an array that is rounded before it is set",
    "lowered",
    /nothing has set s/,
    kernel(
      { kind: "declare", name: "s", type: "f32", count: 4 },
      { kind: "round", tensor: x, at: zeroIndex, name: "s", count: 4 },
    ),
  ],
  [
    "lanes that are read before they are one",
    "lowered",
    /s is not whole/,
    kernel(
      { kind: "declare", name: "s", type: "f32", count: 64, begin: "sum" },
      over({ kind: "accumulate", name: "s", at: c, fn: "sum", value: load }),
      store({ ...read("s"), at: zeroIndex } as Expression, zeroIndex),
      { kind: "reduce", name: "s", fn: "sum", across: "lanes" },
    ),
  ],
  ["a barrier that not all reach", "lowered", /not every thread/, kernel(over({ kind: "barrier" }))],
  ["an operand without a name", "shared", /no name/, kernel(over(name("v", times(load, two)), store(read("v"))))],
  ["a value computed twice", "shared", /twice/, kernel(over(name("v", load), name("w", load), store(read("v"))))],
  [
    "a value inside a loop that does not change it",
    "hoisted",
    /does not change/,
    kernel(over(name("v", { ...load, at: zeroIndex }), store(read("v")))),
  ],
];

for (const [title, stage, message, faulty] of faults) {
  test(`refused: ${title}`, () => assert.throws(() => checkKernel(faulty, stage), message));
}

test("equal values of two stores are computed once, and what a loop does not change stands before it", () => {
  const y = g.input("y", [4], "f32");
  const scale: Expression = { kind: "load", type: "f32", tensor: y, at: zeroIndex };
  const lowered = kernel(
    over(store(times({ ...load }, scale)), {
      kind: "store",
      tensor: y,
      at: c,
      value: times({ ...load }, { ...scale }),
    }),
  );
  checkKernel(lowered, "lowered");
  const hoisted = shareValues(lowered, true);
  checkKernel(hoisted, "hoisted");
  const [first, loop] = hoisted.body;
  assert.ok(first?.kind === "let" && first.value.kind === "load" && first.value.tensor === y);
  assert.ok(loop?.kind === "loop");
  assert.deepEqual(
    loop.body.map(({ kind }) => kind),
    ["let", "let", "store", "store"],
  );
  checkKernel(shareValues(lowered, false), "shared");
});
