// Probes against closed forms: of a quadratic the gradient uphill and the Hessian, of a softmax p (1 - p), and of a model the second
// difference of its loss along the signs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { openReference } from "../backends/reference/reference.ts";
import { RandomSequence, streams } from "../base/random.ts";
import { add, broadcast, input, matmul, multiply, reshape, state, sum, transpose } from "../graph/operations.ts";
import type { Tensor } from "../graph/tensor.ts";
import { initialiseParameter } from "../model/initialise.ts";
import { makeTables } from "../model/inputs.ts";
import { listParameters } from "../model/parameters.ts";
import { crossEntropy } from "../nn/losses.ts";
import { sampleLabels } from "../nn/sample-labels.ts";
import { countMasked } from "../objectives/predictions.ts";
import { defineTraining } from "../train/definition.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { optimizerSchema } from "./optimizers.ts";
import { buildProbe, drawSigns, type ProbeKind } from "./probe.ts";

const seed = input("seed", [1], "u32");
const noLoss = () => assert.fail("a loss that is not asked for");
const sgd = { name: "sgd", learningRate: 1, weightDecay: 0, clip: 0, momentum: 0, nesterov: false };

async function evaluate(outputs: Record<string, Tensor>, inputs: Record<string, Float32Array | Uint32Array>) {
  return (await openReference().load({ outputs, updates: {} }, new Map())).run(inputs);
}

const A = [4, 1, -2, 1, 3, 0.5, -2, 0.5, 2];
const at = (row: number, column: number) => A[3 * row + column]!;
/** ½ wᵀ A w. */
const quadratic = (parameters: ReadonlyMap<string, Tensor>) => {
  const w = reshape(parameters.get("w")!, [3, 1]);
  return multiply(matmul(transpose(w), matmul(input("A", [3, 3], "f32"), w)), 0.5);
};
const w = [0.5, -1, 2];
const slope = [0, 1, 2].map(i => w.reduce((total, value, j) => total + at(i, j) * value, 0));

async function probeQuadratic(kind: ProbeKind, seedValue: number) {
  const parameters = new Map([["w", input("w", [3], "f32")]]);
  const gradients = new Map([["w", input("g", [3], "f32")]]);
  const losses = { loss: quadratic, sampledLoss: noLoss, labels: 1 };
  const settings = optimizerSchema.parse({ ...sgd, ...(kind === "sharpness" && { sharpness: 0.1 }) });
  const probed = buildProbe(kind, settings, losses, parameters, gradients, seed);
  const given = { A: Float32Array.from(A), w: Float32Array.from(w), g: Float32Array.from(slope) };
  return [...(await evaluate({ probe: probed.get("w")! }, { ...given, seed: Uint32Array.of(seedValue) })).probe!];
}

test("sharpness is the gradient uphill", async () => {
  const norm = Math.hypot(...slope);
  const uphill = w.map((value, i) => value + (0.1 * slope[i]!) / norm);
  const expected = [0, 1, 2].map(i => uphill.reduce((total, value, j) => total + at(i, j) * value, 0));
  const seen = await probeQuadratic("sharpness", 1);
  for (const [i, value] of seen.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-6, `${seen}`);
});

test("curvature is v ⊙ A v for signs v, whose mean is A's diagonal", async () => {
  const total = [0, 0, 0];
  const draws = 400;
  for (let draw = 0; draw < draws; draw++) {
    const seen = await probeQuadratic("curvature", draw);
    const patterns = [0, 1, 2, 3].map(bits => {
      const v = [1, bits & 1 ? 1 : -1, bits & 2 ? 1 : -1];
      return v.map((sign, i) => sign * v.reduce((sum, other, j) => sum + at(i, j) * other, 0));
    });
    assert.ok(
      patterns.some(pattern => pattern.every((value, i) => Math.abs(value - seen[i]!) < 1e-6)),
      `${seen}`,
    );
    seen.forEach((value, i) => {
      total[i]! += value / draws;
    });
  }
  // The deviation of a mean is at most √5 / 20.
  for (const i of [0, 1, 2]) assert.ok(Math.abs(total[i]! - at(i, i)) < 0.5, `${total}`);
});

test("sampled, squared, has the mean p (1 - p): the Gauss–Newton diagonal of a bias", async () => {
  const logits = [0.2, 1.1, -0.7];
  const exps = logits.map(Math.exp);
  const p = exps.map(value => value / exps.reduce((a, b) => a + b));
  const rows = 64;
  const sampledLoss = (parameters: ReadonlyMap<string, Tensor>, seed: Tensor) => {
    const all = broadcast(reshape(parameters.get("w")!, [1, 3]), [rows, 3]);
    return crossEntropy(all, sampleLabels(all, seed));
  };
  const parameters = new Map([["w", input("w", [3], "f32")]]);
  const losses = { loss: noLoss, sampledLoss, labels: rows };
  const probed = buildProbe("sampled", optimizerSchema.parse(sgd), losses, parameters, new Map(), seed);
  const loaded = await openReference().load({ outputs: { probe: probed.get("w")! }, updates: {} }, new Map());
  const total = [0, 0, 0];
  const draws = 500;
  for (let draw = 0; draw < draws; draw++) {
    const { probe } = await loaded.run({ w: Float32Array.from(logits), seed: Uint32Array.of(draw) });
    probe!.forEach((value, i) => {
      total[i]! += value ** 2 / draws;
    });
  }
  // Squares of normal numbers: the deviation of a mean is √(2 / 500) of it.
  for (const i of [0, 1, 2]) assert.ok(Math.abs(total[i]! / (p[i]! * (1 - p[i]!)) - 1) < 0.25, `${total} for ${p}`);
});

test("labels are drawn as often as they are likely", async () => {
  const rows = 6000;
  const p = [0.1, 0.6, 0.05, 0.25];
  const logits = broadcast(input("logits", [1, 4], "f32"), [rows, 4]);
  const given = { logits: Float32Array.from(p, Math.log), seed: Uint32Array.of(3) };
  const { labels } = await evaluate({ labels: sampleLabels(logits, seed) }, given);
  const counts = [0, 1, 2, 3].map(label => labels!.filter(value => value === label).length);
  const chiSquare = counts.reduce((total, count, i) => total + (count - rows * p[i]!) ** 2 / (rows * p[i]!), 0);
  assert.ok(chiSquare < 16.3, `${counts}`); // p = .001 at 3 degrees of freedom
});

test("of a whole model: the sum of v ⊙ H v is the second difference of the loss along v", async () => {
  const recipe = overrideRecipe(quickstart, [
    ...["width=8", "layers=1", "heads=2", "feedForward=8", "vocabulary=11", "sequenceLength=8"].map(
      pair => `model.${pair}`,
    ),
    "train.microBatchSequences=2",
    "optimizer.name=adahessian",
  ]);
  const listed = listParameters(recipe.model);
  const definition = defineTraining(recipe);
  const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
  const signs = drawSigns(parameters, seed);
  const step = input("step", [1], "f32");
  const moved = new Map([...parameters].map(([name, value]) => [name, add(value, multiply(signs.get(name)!, step))]));
  const probed = definition.probe!.gradients(parameters, new Map(), seed);
  const total = [...probed.values()]
    .map(value => sum(reshape(value, [value.shape.reduce((a, b) => a * b, 1)]), [0]))
    .reduce(add);
  const backend = openReference();
  const states = new Map(listed.map(({ name, shape }) => [name, backend.allocate(shape, "f32")] as const));
  listed.forEach((parameter, index) => {
    // Far enough from where it begins for every part to bend.
    const values = initialiseParameter(parameter, index, 1).map(value =>
      parameter.role === "norm" ? value : 10 * value,
    );
    backend.write(states.get(parameter.name)!, values);
  });
  const random = new RandomSequence(1, streams.sampling, 0);
  const draw = (length: number, limit: number) => Int32Array.from({ length }, () => random.below(limit));
  const P = 2 * countMasked(recipe);
  const batch = {
    tokens: draw(16, 11),
    positions: draw(P, 16),
    labels: draw(P, 11),
    ...makeTables(recipe.model),
  };
  const loaded = await backend.load({ outputs: { total, loss: definition.loss(moved) }, updates: {} }, states);
  const run = (distance: number) => loaded.run({ ...batch, seed: Uint32Array.of(5), step: Float32Array.of(distance) });
  const h = 2 ** -10;
  const [below, here, above] = [await run(-h), await run(0), await run(h)];
  const second = (above.loss![0]! - 2 * here.loss![0]! + below.loss![0]!) / h ** 2;
  assert.ok(Math.abs(here.total![0]! - second) < 1e-3 * Math.abs(second), `${here.total![0]} and ${second}`);
});
