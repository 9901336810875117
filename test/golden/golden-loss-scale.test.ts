// Loss scaling against PyTorch's GradScaler (scripts/make-loss-scale.py): where the scale changes over a long training, and what a short
// one makes of parameters whose gradient goes through f16.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openReference } from "../../src/backends/reference/reference.ts";
import { cast, input, multiply, sqrt, subtract, sum } from "../../src/graph/operations.ts";
import { adaptLossScale, firstLossScale, type LossScale } from "../../src/optim/loss-scale.ts";
import { openEngine } from "../../src/train/step/engine.ts";
import type { TrainingDefinition } from "../../src/train/step/training-definition.ts";
import { fetchValues } from "../fetch-tensors.ts";
import { formula } from "./formula.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/loss-scale.json", import.meta.url), "utf8"),
) as {
  readonly long: {
    readonly steps: number;
    readonly infinite: readonly number[];
    readonly changes: readonly (readonly [step: number, factor: number])[];
    readonly steadySteps: number;
  };
  readonly short: readonly { readonly size: number; readonly weight: readonly number[]; readonly scale: number }[];
};

test("the scale is halved and doubled when GradScaler's is", () => {
  const { steps, infinite, changes, steadySteps } = golden.long;
  let scale: LossScale = firstLossScale;
  const seen: (readonly [number, number])[] = [];
  for (let step = 0; step < steps; step++) {
    const next = adaptLossScale(scale, !infinite.includes(step));
    if (next.factor !== scale.factor) seen.push([step, next.factor]);
    scale = next;
  }
  assert.deepEqual(seen, changes);
  assert.equal(scale.steadySteps, steadySteps);
});

const definition: TrainingDefinition = {
  parameters: new Map([["weight", [3]]]),
  moments: new Map(),
  loss: parameters => {
    const rounded = cast(cast(parameters.get("weight")!, "f16"), "f32");
    return sum(multiply(rounded, input("factors", [3], "f32")), [0]);
  },
  update: (parameters, gradients) => {
    const gradient = gradients.get("weight")!;
    return {
      updates: { weight: subtract(parameters.get("weight")!, multiply(gradient, 0.1)) },
      gradientNorm: sqrt(sum(multiply(gradient, gradient), [0])),
    };
  },
  scheduleInputs: () => ({}),
  initialise: () => Float32Array.from(formula("weight", 3)),
};

test("what a scaled gradient brings through f16 is applied, and a step that it leaves f16 in is skipped", async () => {
  const engine = await openEngine({ ...openReference(), scalesLoss: true }, definition);
  for (const [step, { size, weight, scale }] of golden.short.entries()) {
    const factors = Float32Array.from(formula(`factors ${step}`, 3), value => Math.fround(value) * size);
    await engine.accumulate({ factors }, true);
    const { loss } = await engine.update({ step: step + 1, rateScale: 1 }, 1);
    assert.ok(Number.isFinite(loss));
    assert.equal(engine.lossScale!.read().factor, scale, `step ${step}`);
    const [[, values]] = (await fetchValues(engine.readParameters())) as [[string, number[]]];
    // Equal but for the last bit of a sum in f32.
    weight.forEach((value, i) => {
      assert.ok(Math.abs(values[i]! - value) < 2e-7, `step ${step}: ${values[i]} for ${value}`);
    });
  }
});
