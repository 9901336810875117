// What the compiler makes of a graph, counted: launches, copies, bytes of scratch. Speed that was won by fusing is kept by these
// numbers, on any machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGraph } from "../../src/compiler/compile.ts";
import type { Program } from "../../src/compiler/program/program.ts";
import { cpuTarget } from "../../src/compiler/targets/cpu-target.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { geglu } from "../../src/nn/activation.ts";
import { decodedLossOfRows } from "../../src/nn/decoded-loss.ts";
import { layerNorm, softmax } from "../../src/nn/norm.ts";
import { shiftRows } from "../../src/nn/shift.ts";
import { buildUpdate } from "../../src/optim/update.ts";

const kinds = (program: Program) =>
  program.launches.map(({ kernel }) => program.kernels[kernel]!.name.replace(/_.*$/, ""));

function compile(outputs: Record<string, Tensor>, precision: "f32" | "bf16" = "f32"): Program {
  return compileGraph({ outputs, updates: {} }, cpuTarget, { threads: 2, precision });
}

const x = g.input("x", [64, 48], "f32");
const w = g.input("w", [48, 32], "f32");
const residual = g.input("residual", [64, 32], "f32");
const scale = g.input("scale", [256], "f32");

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
  const parameter = { name: "w", shape: [64, 48], role: "matrix", parts: 1 } as const;
  const settings = {
    name: "adamw",
    learningRate: 1,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-12,
    weightDecay: 0.01,
  } as const;
  const w = new Map([["w", g.state("w", [64, 48])]]);
  const gradient = new Map([["w", g.state("gradient", [64, 48])]]);
  const { updates } = buildUpdate([parameter], { ...settings, clip: 0 }, w, gradient);
  const program = compileGraph({ outputs: {}, updates }, cpuTarget, { threads: 2, precision: "f32" });
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

test("the kernel that frees most runs first: two large results reduced to small ones are never there together", () => {
  const large = ["a", "b"].map(name => g.matmul(x, g.input(name, [48, 256], "f32"))); // 64 KiB each
  const small = large.map(result => g.sum(result, [1])); // (64, 1)
  const program = compile({ y: g.add(g.multiply(small[0]!, small[0]!), small[1]!) });
  assert.ok(program.arenaBytes <= 64 * 256 * 4 + 2 * 64 * 4, `${program.arenaBytes}`);
});

test("a kernel that reads no result of another waits for the one that needs it", () => {
  const read = [0, 1, 2].map(i => g.matmul(x, g.input(`early${i}`, [48, 32], "f32"))); // 8 KiB each, of inputs alone
  const wide = g.matmul(g.exp(g.matmul(x, w)), g.input("wide", [32, 256], "f32")); // 64 KiB
  let y = g.matmul(g.tanh(wide), g.input("down", [256, 32], "f32"));
  for (const early of read) y = g.matmul(g.add(y, early), g.input(`next${early.id}`, [32, 32], "f32"));
  const { launches, buffers } = compile({ y });
  const wideAt = launches.findIndex(launch => launch.buffers.some(at => buffers[at]!.bytes === 64 * 256 * 4));
  const earlyAt = launches.findIndex(launch => launch.buffers.some(at => buffers[at]!.name === "early0"));
  assert.ok(earlyAt > wideAt, `launch ${earlyAt} before ${wideAt}`);
});

test("a result stands where the operand stood that nobody reads any more", () => {
  const spread = g.scatterAdd(x, g.input("rows", [64], "i32"), 64); // (64, 48)
  const program = compile({ y: g.matmul(g.exp(spread), w) });
  assert.deepEqual(kinds(program), ["scatter", "row", "matmul"]);
  assert.equal(program.arenaBytes, 64 * 48 * 4);
});

test("two tables that rows are scattered to and that are added are one", () => {
  const scatter = (name: string) => g.scatterAdd(g.input(name, [48, 32], "f32"), g.input(`${name}At`, [48], "i32"), 64);
  const [a, b] = [scatter("a"), scatter("b")];
  assert.deepEqual(kinds(compile({ y: g.add(a, b) })), ["scatter"]);
  const parted = kinds(compile({ y: g.add(a, b), other: g.exp(b) }));
  assert.deepEqual(parted.filter(kind => kind === "scatter").length, 2, "what is read elsewhere stands by itself");
});

test("rows of what is computed are gathered as products read them", () => {
  const at = g.input("at", [16], "i32");
  const computed = g.exp(x);
  const few = g.matmul(g.gather(computed, at), w);
  const program = compile({ few, all: g.matmul(computed, w) }, "bf16");
  const sizes = program.buffers.filter(({ kind }) => kind === "temporary").map(({ bytes }) => bytes);
  assert.ok(!sizes.includes(64 * 48 * 4), `${sizes}`);
  assert.ok(sizes.includes(64 * 48 * 2), `${sizes}`);
});

test("rows beside each other are read where they stand, and written once", () => {
  const offsets = [-1, 1];
  const beside = g.concat(
    offsets.map(offset => shiftRows(g.exp(x), 16, offset)),
    1,
  ); // (64, 96)
  const program = compile({ y: g.matmul(beside, g.state("w2", [96, 32])) }, "bf16");
  const written = program.buffers.filter(({ kind, bytes }) => kind === "temporary" && bytes > 64 * 4);
  assert.deepEqual(
    written.map(({ bytes }) => bytes).sort((a, b) => a - b),
    [64 * 48 * 2, 64 * 96 * 2],
  );
});

test("a transposed reader writes to a place of its own", () => {
  const square = g.scatterAdd(g.input("values", [48, 48], "f32"), g.input("rows", [48], "i32"), 48);
  const program = compile({ y: g.sum(g.matmul(g.exp(g.transpose(square)), w), [0, 1]) });
  assert.ok(program.arenaBytes >= 2 * 48 * 48 * 4, `${program.arenaBytes}`);
});

test("the sum of products is written by the last of them", () => {
  const products = [0, 1, 2].map(i => g.matmul(x, g.input(`w${i}`, [48, 32], "f32")));
  const program = compile({ y: products.reduce((sum, product) => g.add(sum, product)) });
  assert.deepEqual(kinds(program), ["matmul", "matmul", "matmul"]);
  assert.equal(program.arenaBytes, 64 * 32 * 4, "the first two sums share a place");
});

test("of a loss by tiles no more logits stand in memory than one tile's, and their gradient", () => {
  const rows = g.input("rows", [256, 16], "f32");
  const table = g.state("table", [512, 16]);
  const loss = g.sum(decodedLossOfRows(rows, table, g.input("labels", [256], "i32"), undefined, 64), [0]);
  const [dtable] = differentiate(loss, [table]);
  const program = compileGraph({ outputs: { loss }, updates: { table: dtable! } }, cpuTarget, {
    threads: 2,
    precision: "f32",
  });
  const [tile, gradient] = [64 * 512 * 4, 512 * 16 * 4];
  assert.ok(program.arenaBytes < 2 * tile + 2 * gradient, `${program.arenaBytes}`);
});

test("groups that compute the same are one kernel, and one that writes more is another", () => {
  const [x, y, z] = ["x", "y", "z"].map(name => g.input(name, [4, 8], "f32")) as [Tensor, Tensor, Tensor];
  const total = (rows: Tensor) => g.sum(g.exp(rows), [1]);
  const share = (rows: Tensor) => g.divide(g.exp(rows), total(rows));
  const { buffers, kernels, launches } = compile({ a: share(x), b: share(y), c: share(z), sums: total(z) }, "f32");
  const touched = launches.map(launch => [launch.kernel, ...launch.buffers.map(at => buffers[at]!.name)].join(" "));
  assert.deepEqual(touched.sort(), ["0 x a", "0 y b", "1 z sums c"]);
  assert.equal(kernels.length, 2);
});

test("of several threads no launch waits for a place in memory alone, while that costs little", () => {
  const [x, y] = ["x", "y"].map(name => g.input(name, [256, 48], "f32")) as [Tensor, Tensor];
  const outputs = { a: g.sum(g.exp(x), [0, 1]), b: g.sum(g.exp(y), [0, 1]) };
  const { launches, buffers } = compileGraph({ outputs, updates: {} }, cpuTarget, { threads: 2, precision: "f32" });
  const reads = (name: string) => launches.find(launch => launch.buffers.some(at => buffers[at]!.name === name))!;
  assert.deepEqual([launches.length, reads("x").after, reads("y").after], [4, [], []]);
});

test("what takes no memory and nobody reads comes last", () => {
  const [x, y] = ["x", "y"].map(name => g.input(name, [256, 48], "f32")) as [Tensor, Tensor];
  const { launches, buffers } = compile({ own: g.exp(x), total: g.sum(g.exp(y), [0, 1]) }, "f32");
  const written = launches.map(launch => buffers[launch.buffers.at(-1)!]!.name);
  assert.deepEqual(written, ["", "total", "own"]);
});

test("what nobody reads holds up nobody of several threads, and its product in tiles is cut for half of them", () => {
  const rows = g.input("rows", [4096, 256], "f32");
  const given = g.input("given", [4096, 256], "f32");
  const updates = { sum: g.matmul(g.transpose(rows), given) };
  const normed = layerNorm(g.matmul(given, g.state("w", [256, 256])), scale, scale, 1e-12);
  // Reads the rows once more, so that their place is not the other product's.
  const outputs = { y: g.add(normed, g.matmul(rows, g.state("v", [256, 256]))) };
  const cut = (threads: number) =>
    compileGraph({ outputs, updates }, cpuTarget, { threads, precision: "bf16", hasTiles: true });
  const { launches, kernels } = cut(2);
  const find = (name: RegExp) => launches.findLastIndex(({ kernel }) => name.test(kernels[kernel]!.name));
  const [ofState, norm] = [find(/^matmul_256x256x4096/), find(/^row/)];
  const product = norm - 1;
  assert.equal(launches[ofState]!.blocks, 1);
  assert.ok(launches[product]!.blocks > 1);
  assert.ok(norm > ofState && kernels[launches[product]!.kernel]!.name.startsWith("matmul_4096x256x256"));
  assert.deepEqual(launches[norm]!.after, [product]);
  assert.ok(!launches[product]!.after!.includes(ofState));
  // Alone it has nothing beside it, and is all threads'.
  const alone = g.matmul(g.transpose(g.state("a", [4096, 256], "bf16")), g.state("b", [4096, 256], "bf16"));
  const options = { threads: 2, precision: "bf16", hasTiles: true } as const;
  const [only, ...others] = compileGraph({ outputs: {}, updates: { sum: alone } }, cpuTarget, options).launches;
  assert.deepEqual([only!.blocks, others], [2, []]);
  // One thread takes launches in their order.
  assert.ok(cut(1).launches.every(launch => launch.after === undefined));
});
