// What the compiler makes of a graph, counted: launches, copies, bytes of scratch. Speed that was won by fusing is kept by these
// numbers, on any machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGraph } from "../src/compiler/compile.ts";
import type { Program } from "../src/compiler/program.ts";
import { differentiate } from "../src/graph/gradient.ts";
import * as g from "../src/graph/operations.ts";
import type { Tensor } from "../src/graph/tensor.ts";
import { geglu } from "../src/nn/activation.ts";
import { layerNorm, softmax } from "../src/nn/norm.ts";
import { updateAdamW } from "../src/optim/adamw.ts";

const kinds = (program: Program) =>
  program.launches.map(({ kernel }) => program.kernels[kernel]!.name.replace(/_.*$/, ""));

function compile(outputs: Record<string, Tensor>, precision: "f32" | "bf16" = "f32"): Program {
  return compileGraph({ outputs, updates: {} }, { threads: 2, precision });
}

const x = g.input("x", [64, 48], "f32");
const w = g.input("w", [48, 32], "f32");
const residual = g.input("residual", [64, 32], "f32");

test("layer norm and softmax are one launch each", () => {
  const weight = g.input("weight", [48], "f32");
  assert.deepEqual(kinds(compile({ y: layerNorm(x, weight, weight, 1e-12) })), ["row"]);
  assert.deepEqual(kinds(compile({ y: softmax(x) })), ["row"]);
});

test("elementwise work on a product is its write-out", () => {
  assert.deepEqual(kinds(compile({ y: g.add(residual, g.matmul(x, w)) })), ["matmul"]);
  assert.deepEqual(kinds(compile({ y: g.tanh(g.multiply(g.matmul(x, w), 2)) })), ["matmul"]);
});

test("a product that is read transposed is written transposed", () => {
  const other = g.input("other", [32, 64], "f32");
  const program = compile({ y: g.add(other, g.transpose(g.matmul(x, w))) });
  assert.deepEqual(kinds(program), ["matmul"]);
  assert.match(program.kernels[0]!.name, /^matmul_32x64x48/);
});

test("a gated feed-forward is two products and one pass between them", () => {
  const hidden = g.matmul(x, g.input("up", [48, 128], "f32"));
  const y = g.matmul(geglu(hidden), g.input("down", [64, 48], "f32"));
  assert.deepEqual(kinds(compile({ y })), ["matmul", "row", "matmul"]);
});

test("in bf16 an operand is rounded once, whichever way it is read", () => {
  const forward = g.matmul(x, w);
  const gradient = g.matmul(g.transpose(x), residual);
  const program = compile({ forward, gradient }, "bf16");
  // Three operands, three casts; the transposed one is the cast of the plain one.
  assert.equal(kinds(program).filter(kind => kind === "row").length, 3);
  const bf16 = program.buffers.filter(buffer => buffer.dtype === "bf16");
  assert.deepEqual(bf16.map(({ shape }) => shape.join("×")).sort(), ["48×32", "64×32", "64×48"]);
});

test("in bf16 a parameter is rounded while it is packed, along rows and columns", () => {
  const parameter = g.state("parameter", [48, 32]);
  const forward = g.matmul(x, parameter);
  const back = g.matmul(residual, g.transpose(parameter));
  const program = compile({ forward, back }, "bf16");
  assert.deepEqual(kinds(program).sort(), ["matmul", "matmul", "row", "row"]);
  const rounded = program.buffers.filter(buffer => buffer.dtype === "bf16").map(({ shape }) => shape.join("×"));
  assert.deepEqual(rounded.sort(), ["64×32", "64×48"], "only what is no parameter is cast");
});

test("in bf16 joined parts are rounded where they are made: no pass over them only casts", () => {
  const hidden = g.input("hidden", [64, 96], "f32");
  const weight = g.state("weight", [48, 32]);
  const loss = g.sum(g.matmul(geglu(hidden), weight), [0, 1]);
  const [gradient] = differentiate(loss, [hidden]);
  const back = g.matmul(gradient!, g.state("in", [96, 32]));
  const program = compile({ back }, "bf16");
  const joined = program.buffers.filter(({ shape }) => shape.join("×") === "64×96" && shape.length === 2);
  assert.deepEqual(joined.map(({ kind, dtype }) => `${kind} ${dtype}`).sort(), ["input f32", "temporary bf16"]);
});

test("a large product that is needed late does not stand in memory until then", () => {
  const tall = g.input("tall", [4096, 8], "f32");
  const large = g.matmul(tall, g.transpose(tall)); // 64 MiB
  const small = g.matmul(g.transpose(tall), tall); // 8 × 8
  let chain = g.exp(small);
  for (let i = 0; i < 3; i++) chain = g.matmul(chain, small);
  const program = compile({ result: g.add(large, g.sum(chain, [0, 1])) });
  assert.match(kinds(program).at(-1)!, /matmul|row/);
  const first = program.launches.findIndex(launch => launch.flops >= 2 * 4096 * 4096 * 8);
  assert.ok(first >= program.launches.length - 2, `launch ${first} of ${program.launches.length}`);
});

test("AdamW updates parameter and moments in place, in one launch without scratch", () => {
  const state = (name: string) => g.state(name, [64, 48]);
  const rate = (name: string) => g.input(name, [1], "f32");
  const { parameter, first, second } = updateAdamW(
    state("parameter"),
    state("gradient"),
    { first: state("first"), second: state("second") },
    { beta1: 0.9, beta2: 0.98, epsilon: 1e-12 },
    { learningRate: rate("rate"), correction1: rate("c1"), correction2: rate("c2") },
    0.01,
  );
  const program = compileGraph(
    { outputs: {}, updates: { parameter, first, second } },
    { threads: 2, precision: "f32" },
  );
  assert.deepEqual(
    kinds(program).filter(kind => kind === "copy"),
    [],
  );
  const large = program.launches.filter(({ bytesMoved }) => bytesMoved > 4 * 64 * 48);
  assert.equal(large.length, 1);
  assert.ok(program.arenaBytes < 1024, `${program.arenaBytes}`);
});

test("temporaries that never live at once share memory", () => {
  let y: Tensor = x;
  for (let i = 0; i < 12; i++) y = g.tanh(g.matmul(y, g.input(`w${i}`, [48, 48], "f32")));
  const bytes = 64 * 48 * 4;
  assert.ok(compile({ y }).arenaBytes <= 2 * bytes);
});
