// A walk through every option of every optimizer: changing it changes the program of an update or its scalars, and what would change
// nothing is refused by name. An option without a row here fails.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import { add, input, multiply, reshape, state, sum } from "../graph/operations.ts";
import { countElements, listRoots, sortTopologically, type Tensor } from "../graph/tensor.ts";
import type { OptimizedParameter, Optimizer } from "./optimizer.ts";
import {
  findOptimizerFault,
  listRateFactors,
  type OptimizerSettings,
  optimizerSchema,
  optimizers,
} from "./optimizers.ts";
import { buildProbe, findInterval, findProbe } from "./probe.ts";
import { findRateFactor } from "./rates.ts";
import { buildUpdate, listMoments, scheduleInputs } from "./update.ts";

const parameter = (name: string, role: OptimizedParameter["role"], ...shape: number[]): OptimizedParameter => ({
  ...{ name, role, shape, parts: 1 },
});
const listed = [
  parameter("embedding.word", "embedding", 6, 4),
  parameter("layers.0.in", "matrix", 4, 8),
  parameter("layers.1.in", "matrix", 64, 64),
  parameter("final.norm", "norm", 4),
  parameter("head.dense", "matrix", 4, 4),
];

const common = { learningRate: 1e-3, weightDecay: 0.01, clip: 0.5 };
/** What an option is changed to, and what must stand beside it. */
const changes: Readonly<Record<string, { readonly to: unknown; readonly beside?: object }>> = {
  learningRate: { to: 2e-3 },
  weightDecay: { to: 0.02 },
  clip: { to: 0 },
  embeddingRate: { to: 0.5 },
  headRate: { to: 0.5 },
  matrixRate: { to: 0.5 },
  vectorRate: { to: 0.5 },
  layerDecay: { to: 0.5 },
  momentBlock: { to: 64 },
  cautious: { to: true },
  cautiousDecay: { to: true },
  lazyEmbedding: { to: true },
  beta1: { to: 0.5 },
  beta2: { to: 0.5 },
  epsilon: { to: 1e-5 },
  momentum: { to: 0.5 },
  nesterov: { to: false },
  trust: { to: 0.5 },
  clipped: { to: true },
  leastScale: { to: 0.5 },
  momentumGrowth: { to: 0.5 },
  decayExponent: { to: 0.5 },
  updateClip: { to: 2 },
  relativeStep: { to: false, beside: { learningRate: 2 } },
  sharpness: { to: 0.5, beside: { interval: 1 } },
  rho: { to: 0.5 },
  hessianPower: { to: 0.5 },
  block: { to: 1 },
  interval: { to: 7 },
  factorMemory: { to: 0.5 },
  ridge: { to: 1e-3 },
  blockSize: { to: 2 },
  muonLearningRate: { to: 0.5 },
  muonMomentum: { to: 0.5 },
  muonFirstMomentum: { to: 0.5, beside: { muonMomentumSteps: 5 } },
  muonMomentumSteps: { to: 9, beside: { muonFirstMomentum: 0.5 } },
  muonCoefficients: { to: "polar-express" },
  muonNeuronMemory: { to: 0.5 },
};

/** A loss that every parameter is in. */
const mixAll = (parameters: ReadonlyMap<string, Tensor>) =>
  [...parameters.values()]
    .map(value => sum(reshape(multiply(value, value), [countElements(value.shape)]), [0]))
    .reduce(add);

/** Everything that a run reads of an optimizer. */
function describe(settings: OptimizerSettings): string {
  const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
  const gradients = new Map(listed.map(({ name, shape }) => [name, input(`g.${name}`, shape, "f32")] as const));
  const kind = findProbe(settings);
  const losses = { loss: mixAll, sampledLoss: mixAll, labels: 4 };
  const seed = input("seed", [1], "u32");
  const probe = kind && buildProbe(kind, settings, losses, parameters, gradients, seed);
  const { updates } = buildUpdate(listed, settings, parameters, gradients, { isDue: true, probe });
  const roots = listRoots({ outputs: {}, updates });
  const nodes = sortTopologically(roots);
  const places = new Map(nodes.map((node, i) => [node, i] as const));
  const graph = nodes.map(({ operation, inputs, shape }) => [operation, inputs.map(each => places.get(each)), shape]);
  const scalars = [1, 2, 3].map(step => scheduleInputs(settings, step, 0.5));
  return JSON.stringify([
    graph,
    roots.map(root => places.get(root)),
    [...listMoments(listed, settings)],
    scalars,
    findInterval(settings),
  ]);
}

/** The optimizer with its defaults. */
function complete(schema: z.ZodObject, more: object): OptimizerSettings {
  const adam = "beta1" in schema.shape ? { beta1: 0.9, beta2: 0.98, epsilon: 1e-8 } : {};
  const name = (schema.shape.name as z.ZodLiteral<string>).value;
  return optimizerSchema.parse({ name, ...common, ...keep(schema, { ...adam, ...more }) });
}

const keep = (schema: z.ZodObject, values: object) =>
  Object.fromEntries(Object.entries(values).filter(([key]) => key in schema.shape));

for (const { name, schema, decay, probe, movesElements } of optimizers as readonly Optimizer[]) {
  test(`${name}: every option changes something`, () => {
    for (const key of Object.keys(schema.shape).filter(key => key !== "name")) {
      const change = changes[key];
      assert.ok(change !== undefined, `${key} has no row`);
      const before = complete(schema, change.beside ?? {});
      const after = complete(schema, { ...change.beside, [key]: change.to });
      const fault = findOptimizerFault(after, listed);
      if (key === "cautiousDecay" && decay !== "decoupled")
        assert.match(fault!.message, /cautiousDecay changes nothing/);
      else if (key === "momentBlock" && name === "adafactor")
        assert.match(fault!.message, /momentBlock changes nothing: adafactor/);
      else if (key === "lazyEmbedding" && movesElements !== true)
        assert.match(fault!.message, /lazyEmbedding moves some rows without the others/);
      else if (key === "sharpness" && probe !== undefined) assert.match(fault!.message, /want the second gradient/);
      else {
        assert.equal(fault, undefined, key);
        assert.notEqual(describe(after), describe(before), key);
      }
    }
  });

  test(`${name} says what it is and where it comes from`, () => {
    const { summary, source } = optimizers.find(optimizer => optimizer.name === name)!;
    assert.ok(summary.length > 10 && source.length > 5);
    for (const [key, setting] of Object.entries(schema.shape)) {
      if (key !== "name") assert.ok((setting as z.ZodType).description ?? "", `${key} has no description`);
    }
  });
}

const refused: readonly (readonly [settings: object, message: RegExp])[] = [
  [{ name: "sgd", momentum: 0 }, /nesterov changes nothing with momentum 0/],
  [{ name: "lars", momentum: 0 }, /nesterov changes nothing/],
  [{ name: "lion", weightDecay: 0, cautiousDecay: true }, /cautiousDecay changes nothing with weightDecay 0/],
  [{ name: "muon", beta1: 0.9, beta2: 0.9, epsilon: 1e-8, muonMomentumSteps: 3 }, /muonMomentumSteps .* muonFirst/],
  [
    { name: "muon", beta1: 0.9, beta2: 0.9, epsilon: 1e-8, muonFirstMomentum: 0.3 },
    /muonFirstMomentum .* muonMomentumS/,
  ],
];

test("what changes nothing is refused by name", () => {
  for (const [settings, message] of refused) {
    const fault = findOptimizerFault(optimizerSchema.parse({ ...common, ...settings }), listed);
    assert.match(fault?.message ?? "", message);
    assert.ok(fault!.advice.length > 5);
  }
  const headless = listed.filter(({ name }) => !name.startsWith("head."));
  const sgd = optimizerSchema.parse({ name: "sgd", ...common, headRate: 2 });
  assert.match(findOptimizerFault(sgd, headless)!.message, /headRate changes nothing/);
});

/** The kinds of states of all parameters, each once. */
const listKinds = (settings: OptimizerSettings) =>
  [...new Set(Array.from(listMoments(listed, settings).keys(), name => name.slice(0, name.indexOf("."))))].sort();

for (const { name, schema } of (optimizers as readonly Optimizer[]).filter(({ schema }) => "beta1" in schema.shape)) {
  test(`${name}: a mean gradient that keeps nothing of those before is no state`, () => {
    const before = listKinds(complete(schema, {}));
    assert.ok(before.includes("first"));
    assert.deepEqual(
      listKinds(complete(schema, { beta1: 0 })),
      before.filter(kind => kind !== "first"),
    );
  });
}

test("nor is any other mean or sum, unless a later step reads it", () => {
  const adam = { ...common, beta1: 0.9, beta2: 0.98, epsilon: 1e-8 };
  const muon = { name: "muon", ...adam, muonNeuronMemory: 0.9 };
  for (const [settings, kinds] of [
    [{ name: "adamw", ...adam, beta1: 0, beta2: 0 }, []],
    [{ name: "lion", ...common, beta1: 0.9, beta2: 0 }, ["first"]],
    [{ name: "sophia", ...common, beta1: 0, beta2: 0 }, ["curvature"]],
    [muon, ["first", "momentum", "neurons", "second"]],
    [{ ...muon, muonMomentum: 0, muonNeuronMemory: 0 }, ["first", "second"]],
    [
      { ...muon, muonMomentum: 0, muonFirstMomentum: 0.5, muonMomentumSteps: 3 },
      ["first", "momentum", "neurons", "second"],
    ],
    [{ name: "shampoo", ...adam, factorMemory: 0 }, ["first", "leftRoot", "rightRoot", "second"]],
    [{ name: "soap", ...adam, beta1: 0, beta2: 0, factorMemory: 0 }, ["leftBasis", "rightBasis"]],
  ] as const) {
    assert.deepEqual(listKinds(optimizerSchema.parse(settings)), kinds, JSON.stringify(settings));
  }
});

test("layers below learn more slowly, embeddings most, what stands above as fast as it would", () => {
  const factors = listed.map(each => findRateFactor(each, listed, { layerDecay: 0.5, matrixRate: 3 }));
  assert.deepEqual(factors, [0.125, 0.75, 1.5, 1, 1]);
});

test("a generator's layers are counted apart, and both its head and the discriminator are heads", () => {
  const factors = {
    "embedding.word": 1 / 16,
    "layers.0.in": 1 / 8,
    "layers.2.in": 1 / 2,
    "final.norm": 1,
    "discriminator.output": 3,
    "generator.embedding.projection": 1 / 4,
    "generator.layers.0.in": 1 / 2,
    "generator.head.projection": 3,
  };
  const all = Object.keys(factors).map(name => parameter(name, "matrix", 4, 4));
  const found = all.map(each => [each.name, findRateFactor(each, all, { layerDecay: 0.5, headRate: 3 })]);
  assert.deepEqual(Object.fromEntries(found), factors);
});

test("the other rates of an optimizer, by its settings", () => {
  const adam = { ...common, beta1: 0.9, beta2: 0.98, epsilon: 1e-8 };
  const settings = optimizerSchema.parse({ name: "muon", ...adam, muonLearningRate: 0.02 });
  assert.deepEqual(listRateFactors(settings), { muonLearningRate: 20 });
  assert.deepEqual(listRateFactors(optimizerSchema.parse({ name: "adamw", ...adam })), {});
});
