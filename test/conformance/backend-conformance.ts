// What every backend is held to: it equals the reference in every operation and its gradient, updates in place, bf16, and random
// graphs in which the fused program must equal the graph evaluated node by node.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Backend, HostArray } from "../../src/backends/backend.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { permutation, RandomSequence, streams } from "../../src/base/random.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import * as g from "../../src/graph/operations.ts";
import { countElements, type Graph, type Tensor } from "../../src/graph/tensor.ts";
import { type OperationCase, operationCases } from "./operation-cases.ts";

const reference = openReference();

/** Normal numbers, the same ones for a name's place; none further than 3 below the centre. */
export function drawInputs(shapes: Readonly<Record<string, readonly number[]>>, centre = 0): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => {
      const random = new RandomSequence(5, streams.initialisation, i);
      const draw = () => Math.max(centre - 3, centre + random.normalPair()[0]);
      return [name, Float32Array.from({ length: countElements(shape) }, draw)];
    }),
  );
}

/** Largest error over all outputs, relative to 1 + the size of the largest expected value. */
export async function compareBackends(
  backend: Backend,
  graph: Graph,
  inputs: Record<string, HostArray>,
): Promise<number> {
  const got = await (await backend.load(graph, new Map())).run(inputs);
  const expected = await (await reference.load(graph, new Map())).run(inputs);
  let worst = 0;
  for (const [name, values] of Object.entries(expected)) {
    let scale = 1;
    for (const value of values) scale = Math.max(scale, 1 + Math.abs(value));
    values.forEach((value, i) => {
      const error = Math.abs(got[name]![i]! - value) / scale;
      worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
    });
  }
  return worst;
}

/** Sizes below, at and above the tile, the block and the depth that is packed at once; odd ones leave every remainder. */
export const productSizes = [
  [1, 1, 1],
  [3, 5, 2],
  [13, 33, 17],
  [12, 32, 64],
  [197, 31, 258],
  [40, 261, 70],
  [61, 67, 1031],
] as const;

/** Every f32 power of two and its neighbours, both signs, and a fine grid where a function is used. */
function sampleFloats(): Float32Array {
  const values = [0, Number.POSITIVE_INFINITY, Number.NaN];
  for (let power = -140; power < 128; power++) for (const part of [1, 1.1, 1.37, 1.73]) values.push(part * 2 ** power);
  for (let x = 0; x < 100; x += 0.0137) values.push(x);
  return Float32Array.from([...values, ...values.map(value => -value)]);
}

/** A recipe for a graph over (5, 6) tensors: each step names an operation and which earlier tensors it takes. */
export const randomGraph = fc.array(fc.tuple(fc.nat(13), fc.nat(100), fc.nat(100)), { minLength: 1, maxLength: 14 });

export function buildRandom(steps: readonly (readonly [number, number, number])[]): Graph {
  const tensors: Tensor[] = [g.input("a", [5, 6], "f32"), g.input("b", [5, 6], "f32")];
  for (const [kind, first, second] of steps) {
    const x = tensors[first % tensors.length]!;
    const y = tensors[second % tensors.length]!;
    const spread = (t: Tensor) => g.broadcast(t, [5, 6]);
    const makers = [
      () => g.multiply(g.add(x, y), 0.5),
      () => g.multiply(g.tanh(x), y),
      () => g.maximum(x, y),
      () => g.subtract(x, g.mean(y, [1])),
      () => spread(g.mean(x, [0])),
      () => spread(g.max(x, [1])),
      () => g.select(g.less(x, y), x, g.tanh(y)),
      () => g.reshape(g.permute(x, [1, 0]), [5, 6]),
      () => g.concat([g.slice(x, 1, 2, 6), g.slice(y, 1, 0, 2)], 1),
      () => g.concat([g.slice(y, 0, 3, 5), g.slice(x, 0, 0, 3)], 0),
      () => g.multiply(g.matmul(g.matmul(x, g.transpose(y)), y), 0.05),
      () => g.divide(x, g.add(1, g.multiply(y, y))),
      () => g.tanh(g.reshape(g.slice(g.reshape(g.concat([x, y], 0), [60]), 0, 15, 45), [5, 6])),
      () => g.multiply(x, spread(g.rsqrt(g.add(g.mean(g.multiply(y, y), [1]), 1)))),
    ];
    tensors.push(g.tanh(makers[kind]!()));
  }
  const last = tensors[tensors.length - 1]!;
  return { outputs: { last, middle: g.add(tensors[Math.floor(tensors.length / 2)]!, 0.5) }, updates: {} };
}

/** An operation's result, and the gradients of a loss of it. */
function buildCase({ shapes, build }: OperationCase): Graph {
  const operands = shapes.map((shape, i) => g.input(`x${i}`, shape, "f32"));
  const result = build(operands);
  const axes = result.shape.map((_, axis) => axis);
  const loss = g.sum(g.multiply(result, g.add(result, 1)), axes);
  const gradients = differentiate(loss, operands);
  const outputs = { result, loss, ...Object.fromEntries(gradients.map((gradient, i) => [`g${i}`, gradient])) };
  return { outputs, updates: {} };
}

interface ConformanceOptions {
  readonly skip?: string | false;
  readonly randomGraphs?: number;
  /** The narrow types that the backend has; bf16 unless given. */
  readonly narrow?: readonly ("bf16" | "f16")[];
  /** Whether programs that are asked for at once are built at once. */
  readonly buildsTogether?: boolean;
  /** The most that a product of these may be off, relative: tensor cores cut off what they add. */
  readonly narrowProducts?: number;
}

/** Declares the tests of a backend, which is open when they run. `skip` says why they cannot. */
export function testConformance(
  title: string,
  backend: () => Backend,
  {
    skip = false,
    randomGraphs = 40,
    narrow = ["bf16"],
    buildsTogether = false,
    narrowProducts = 2e-6,
  }: ConformanceOptions = {},
): void {
  const random = { numRuns: randomGraphs, seed: 20 };
  // What is asked for at once is built at once, and found again below: the cpu's compiler works 29 s instead of 48.
  if (buildsTogether)
    test(`${title} loads programs together`, { skip }, async () => {
      const graphs = [...operationCases.map(buildCase), ...fc.sample(randomGraph, random).map(buildRandom)];
      const loaded = await Promise.all(graphs.map(graph => backend().load(graph, new Map())));
      assert.ok(loaded.every(({ program }) => program!.launches.length > 0));
    });

  for (const operationCase of operationCases) {
    const { name, shapes, centre } = operationCase;
    test(`${title} equals reference: ${name}`, { skip }, async () => {
      const inputs = drawInputs(Object.fromEntries(shapes.map((shape, i) => [`x${i}`, shape])), centre);
      const error = await compareBackends(backend(), buildCase(operationCase), inputs);
      assert.ok(error < 2e-6, `error ${error}`);
    });
  }

  test("random bits are the same on both", { skip }, async () => {
    const seed = g.input("seed", [1], "u32");
    const graph = { outputs: { bits: g.randomBits(seed, 3, [5, 7]) }, updates: {} };
    const inputs = { seed: Uint32Array.of(77) };
    const got = await (await backend().load(graph, new Map())).run(inputs);
    const expected = await (await reference.load(graph, new Map())).run(inputs);
    assert.deepEqual([...got.bits!], [...expected.bits!]);
  });

  for (const dtype of narrow) {
    test(`${dtype} rounds to nearest even, and products of it sum in f32`, { skip }, async () => {
      const a = g.input("a", [17, 40], "f32");
      const b = g.input("b", [40, 9], "f32");
      const round = (x: Tensor) => g.cast(x, dtype);
      const outputs = { rounded: g.cast(round(a), "f32"), product: g.matmul(round(a), round(b)) };
      const graph = { outputs, updates: {} };
      const error = await compareBackends(backend(), graph, drawInputs({ a: [17, 40], b: [40, 9] }));
      assert.ok(error < 1e-6, `error ${error}`);
    });

    test(`rows of ${dtype} are rounded to nearest even at any width and place`, { skip }, async () => {
      const widths = [40, 64, 100, 192, 256, 320];
      const shapes = Object.fromEntries(widths.map(width => [`x${width}`, [3, width] as const]));
      const outputs = Object.fromEntries(
        Object.entries(shapes).flatMap(([name, shape]) => {
          const x = g.input(name, shape, "f32");
          // By a number of its row, so that no kernel takes it for elements alone, and behind columns of another.
          const scaled = g.multiply(x, g.cast(g.less(g.sum(x, [1]), 1e9), "f32"));
          const joined = g.concat([g.slice(x, 1, 0, 3), g.exp(scaled)], 1);
          return [
            [name, g.cast(scaled, dtype)],
            [`${name} joined`, g.cast(joined, dtype)],
          ];
        }),
      );
      const inputs = drawInputs(shapes);
      for (const values of Object.values(inputs)) {
        values.set([1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -11, 1 + 3 * 2 ** -11], 5);
        values[37] = -0;
      }
      const [got, expected] = await Promise.all(
        [backend(), reference].map(async each => (await each.load({ outputs, updates: {} }, new Map())).run(inputs)),
      );
      for (const width of widths) {
        const [own, exact] = [got!, expected!].map(values => [...Float32Array.from(values[`x${width}`]!)]);
        assert.deepEqual(own, exact, String(width));
        // An exponential may lie on the other side of where it is rounded.
        const unit = dtype === "bf16" ? 2 ** -7 : 2 ** -10;
        expected![`x${width} joined`]!.forEach((value, i) => {
          const error = Math.abs(got![`x${width} joined`]![i]! - value);
          assert.ok(error <= unit * Math.abs(value), `${width}, ${i}: ${error}`);
        });
      }
    });

    test(`every kind of ${dtype}: subnormal, halfway, too large, infinite and none`, { skip }, async () => {
      const parts = [0, 1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 65519, 65520, 3.4e38, Number.POSITIVE_INFINITY];
      const small = [2 ** -14, 2 ** -14 - 2 ** -25, 2 ** -24, 1.5 * 2 ** -24, 2 ** -25, 2 ** -26, 1e-30];
      const x = Float32Array.from([...parts, ...small].flatMap(value => [value, -value]));
      const given = g.input("x", [x.length], "f32");
      const outputs = { narrow: g.cast(given, dtype), sign: g.divide(1, g.cast(g.cast(given, dtype), "f32")) };
      const [got, expected] = await Promise.all(
        [backend(), reference].map(async each => (await each.load({ outputs, updates: {} }, new Map())).run({ x })),
      );
      for (const name of ["narrow", "sign"]) {
        assert.deepEqual([...Float32Array.from(got![name]!)], [...Float32Array.from(expected![name]!)], name);
      }
      const none = await (await backend().load({ outputs, updates: {} }, new Map())).run({ x: x.fill(Number.NaN) });
      assert.ok(none.narrow!.every(Number.isNaN));
    });
  }

  test("bytes are kept as they are, in states, joined and in rows that are no chunk's multiple", { skip }, async () => {
    const [x, other] = [g.input("x", [7, 33], "f32"), g.input("other", [7, 33], "u8")];
    const bytes = g.cast(g.maximum(g.minimum(g.multiply(g.add(x, 3), 40), 255), 0), "u8");
    const old = g.state("kept", [7, 33], "u8");
    const outputs = {
      bytes,
      joined: g.concat(
        [g.slice(other, 0, 2, 7), g.select(g.less(other, 100), other, g.permute(g.reshape(old, [33, 7]), [1, 0]))],
        0,
      ),
      sums: g.sum(g.cast(old, "f32"), [1]),
      counted: g.cast(g.cast(other, "i32"), "f32"),
    };
    const updates = {
      kept: g.cast(g.add(g.cast(g.divide(old, 2), "f32"), g.multiply(g.cast(other, "f32"), 0.5)), "u8"),
    };
    const inputs = {
      ...drawInputs({ x: [7, 33] }),
      other: Uint8Array.from({ length: 231 }, (_, i) => (i * 37) % 256),
    };
    const [got, expected] = await Promise.all(
      [backend(), reference].map(async each => {
        const kept = each.allocate([7, 33], "u8");
        each.write(
          kept,
          Uint8Array.from({ length: 231 }, (_, i) => 255 - i),
        );
        const results = await (await each.load({ outputs, updates }, new Map([["kept", kept]]))).run(inputs);
        const all = { ...results, kept: await each.read(kept) };
        return Object.fromEntries(Object.entries(all).map(([name, values]) => [name, [...values]]));
      }),
    );
    assert.deepEqual(got, expected);
  });

  for (const dtype of ["f32", ...narrow] as const) {
    test(`products of ${dtype} at every shape and transposition`, { skip }, async () => {
      const outputs: Record<string, Tensor> = {};
      const shapes: Record<string, readonly number[]> = {};
      const operand = (name: string, rows: number, columns: number, transposed: boolean): Tensor => {
        shapes[name] = transposed ? [columns, rows] : [rows, columns];
        const stored = g.cast(g.input(name, shapes[name], "f32"), dtype);
        return transposed ? g.transpose(stored) : stored;
      };
      for (const [m, n, k] of productSizes) {
        for (const form of ["nn", "nt", "tn", "tt"]) {
          const name = `${form} ${m} ${n} ${k}`;
          const a = operand(`a ${name}`, m, k, form[0] === "t");
          outputs[name] = g.matmul(a, operand(`b ${name}`, k, n, form[1] === "t"));
        }
      }
      const error = await compareBackends(backend(), { outputs, updates: {} }, drawInputs(shapes));
      assert.ok(error < (dtype === "f32" ? 2e-6 : narrowProducts), `error ${error}`);
    });
  }

  test("exp, erf and tanh stay within their bounds over all of f32", { skip }, async () => {
    const x = g.input("x", [sampleFloats().length], "f32");
    const outputs = { exp: g.exp(x), erf: g.erf(x), tanh: g.tanh(x) };
    const inputs = { x: sampleFloats() };
    const got = await (await backend().load({ outputs, updates: {} }, new Map())).run(inputs);
    const expected = await (await reference.load({ outputs, updates: {} }, new Map())).run(inputs);
    inputs.x.forEach((at, i) => {
      const exact = expected.exp![i]!;
      const value = got.exp![i]!;
      if (Number.isNaN(at)) assert.ok(Number.isNaN(value));
      // Just above the smallest normal number the result becomes 0; above the largest number it is infinite.
      else if (exact < 1.02 * 2 ** -126) assert.ok(value >= 0 && value <= 2 ** -125, `exp ${at} = ${value}`);
      else if (exact > 3.4028234e38) assert.equal(value, Number.POSITIVE_INFINITY, `exp ${at}`);
      else assert.ok(Math.abs(value / exact - 1) < 2.5e-7, `exp ${at} = ${value}, not ${exact}`);
      for (const name of ["erf", "tanh"] as const) {
        const error = Math.abs(got[name]![i]! - expected[name]![i]!);
        assert.ok(Number.isNaN(at) ? Number.isNaN(got[name]![i]!) : error < 4.5e-7, `${name} ${at}: ${error}`);
      }
    });
  });

  test("updates read every old value before any is written", { skip }, async () => {
    const build = () => {
      const p = g.state("p", [4, 6]);
      const q = g.state("q", [4, 6]);
      return { outputs: { sum: g.sum(g.add(p, q), [0, 1]) }, updates: { p: g.add(q, 1), q: g.multiply(p, 2) } };
    };
    const results = [];
    for (const each of [backend(), reference]) {
      const states = new Map(["p", "q"].map(name => [name, each.allocate([4, 6], "f32")]));
      for (const [i, buffer] of [...states.values()].entries()) {
        each.write(
          buffer,
          Float32Array.from({ length: 24 }, (_, n) => n + 100 * i),
        );
      }
      const loaded = await each.load(build(), states);
      await loaded.run({});
      await loaded.run({});
      const read = await Promise.all([...states.values()].map(buffer => each.read(buffer)));
      results.push(read.map(values => [...values]));
    }
    assert.deepEqual(results[0], results[1]);
  });

  test("rows are replaced where they stand, of any width, and no other is touched", { skip }, async () => {
    for (const [V, N, C] of [
      [9, 4, 6],
      [70, 33, 64],
      [40, 40, 256],
      [300, 1, 20],
    ] as const) {
      const [p, m] = [g.state("p", [V, C]), g.state("m", [V, C])];
      const rows = g.input("rows", [N], "i32");
      const x = g.input("x", [N, C], "f32");
      const isReal = g.less(g.reshape(g.iota(N), [N, 1]), g.input("count", [1], "i32"));
      const [old, oldMean] = [g.gather(p, rows), g.gather(m, rows)];
      const mean = g.add(g.multiply(oldMean, 0.9), g.multiply(x, g.sqrt(g.add(g.sum(g.multiply(x, x), [0, 1]), 1))));
      const updates = {
        p: g.replaceRows(
          p,
          rows,
          g.select(isReal, g.subtract(old, g.divide(mean, g.add(g.multiply(old, old), 1))), old),
        ),
        m: g.replaceRows(m, rows, g.select(isReal, mean, oldMean)),
      };
      const order = [...permutation(V, 3, streams.sampling, 0)].slice(0, N);
      const inputs = { ...drawInputs({ x: [N, C] }), rows: Int32Array.from(order), count: Int32Array.of(N - 1) };
      const results: number[][][] = [];
      for (const each of [backend(), reference]) {
        const states = new Map(["p", "m"].map(name => [name, each.allocate([V, C], "f32")]));
        for (const [name, values] of Object.entries(drawInputs({ p: [V, C], m: [V, C] })))
          each.write(states.get(name)!, values as Float32Array);
        const loaded = await each.load({ outputs: {}, updates }, states);
        for (let run = 0; run < 3; run++) await loaded.run(inputs);
        results.push(await Promise.all([...states.values()].map(async buffer => [...(await each.read(buffer))])));
      }
      const begun = drawInputs({ p: [V, C], m: [V, C] });
      for (const [n, name] of ["p", "m"].entries()) {
        const [got, expected] = [results[0]![n]!, results[1]![n]!];
        for (const [i, value] of expected.entries()) {
          assert.ok(Math.abs(got[i]! - value) <= 2e-5 * (1 + Math.abs(value)), `${name} ${V} ${C} ${i}`);
          const at = order.indexOf(Math.floor(i / C));
          if (at < 0 || at >= N - 1) assert.equal(got[i], begun[name]![i], `row ${Math.floor(i / C)} of ${name}`);
          else assert.notEqual(got[i], begun[name]![i]);
        }
      }
    }
  });

  test("an input that was never written is refused by name", { skip }, async () => {
    const loaded = await backend().load({ outputs: { y: g.exp(g.input("x", [3], "f32")) }, updates: {} }, new Map());
    await assert.rejects(loaded.run({}), /input x was never written/);
  });

  test("a run that begins while another is under way is refused, and hinders neither that one nor the next", {
    skip,
  }, async () => {
    const x = g.input("x", [3], "f32");
    const load = () => backend().load({ outputs: { y: g.multiply(x, 2) }, updates: {} }, new Map());
    const [first, second] = [await load(), await load()];
    for (const other of [first, second]) {
      const run = first.run({ x: Float32Array.of(1, 2, 3) });
      await assert.rejects(other.run({ x: Float32Array.of(7, 7, 7) }), /under way/);
      assert.deepEqual([...(await run).y!], [2, 4, 6]);
      assert.deepEqual([...(await other.run({ x: Float32Array.of(4, 5, 6) })).y!], [8, 10, 12]);
    }
  });

  test("fused random graphs equal the graph evaluated node by node", { skip, timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph, async steps => {
        const error = await compareBackends(backend(), buildRandom(steps), drawInputs({ a: [5, 6], b: [5, 6] }));
        return error < 1e-5;
      }),
      random,
    );
  });
}
