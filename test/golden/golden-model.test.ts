// Crammed BERT, its gradients, AdamW with clipping and Muon's iteration against PyTorch in float64 (scripts/make-model.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Backend, HostArray } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { input, state } from "../../src/graph/operations.ts";
import { computeMaskedLoss, predictTokens } from "../../src/model/heads.ts";
import { declareMaskedInputs, declarePredictions, makeTables } from "../../src/model/inputs.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { completeShape, type ModelShape } from "../../src/model/shape.ts";
import { orthogonalise } from "../../src/optim/matrix/orthogonalise.ts";
import type { OptimizerSettings } from "../../src/optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../src/optim/update.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";

interface Case {
  readonly tokens: number[];
  readonly predicted: number[];
  readonly labels: number[];
  readonly parameters: Record<string, number[]>;
  readonly logits: number[];
  readonly loss: number;
  readonly gradients: Record<string, number[]>;
  readonly losses: number[];
  readonly norms: number[];
  readonly after: Record<string, number[]>;
}
type Golden = Record<"scaled-sinusoidal" | "rotary", Case> & {
  readonly muon: readonly { readonly shape: [number, number]; readonly x: number[]; readonly y: number[] }[];
  readonly shape: Omit<ModelShape, "positions"> & { readonly sequences: number };
};

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/model.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;

const settings: OptimizerSettings = {
  name: "adamw",
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-12,
  weightDecay: 0.01,
  clip: 0.5,
};

// The reference computes in float64 and keeps states, which steps change, as files do: in float32.
for (const [backendName, tolerance, open, absent] of [
  ["reference", 1e-6, async () => openReference(), undefined],
  ["cpu", 2e-5, () => openCpu({ threads: 2 }), undefined],
  ["cuda", 2e-5, () => openEmulatedCuda(), emulatorAbsent],
] as const) {
  const skip = absent ?? false;
  let backend: Backend;
  before(async () => {
    if (skip === false) backend = await open();
  });
  after(() => backend?.close());
  const check = (name: string, got: ArrayLike<number>, expected: ArrayLike<number>) => {
    const scale = Math.max(1e-3, ...Array.from(expected, Math.abs));
    assert.equal(got.length, expected.length, name);
    for (let i = 0; i < expected.length; i++) {
      const error = Math.abs(got[i]! - expected[i]!) / scale;
      assert.ok(error < tolerance, `${name}[${i}]: ${got[i]} against ${expected[i]}, error ${error}`);
    }
  };

  for (const positions of ["scaled-sinusoidal", "rotary"] as const) {
    const { sequences, ...sizes } = golden.shape;
    const shape = completeShape({ ...sizes, positions });
    const expected = golden[positions];
    const listed = listParameters(shape);
    const batch: Record<string, HostArray> = {
      tokens: Int32Array.from(expected.tokens),
      positions: Int32Array.from(expected.predicted),
      labels: Int32Array.from(expected.labels),
      ...makeTables(shape),
    };
    const parameters = new Map(listed.map(({ name, shape: size }) => [name, state(name, size)] as const));
    const inputs = {
      ...declareMaskedInputs(shape, sequences, sequences),
      ...declarePredictions(expected.predicted.length),
    };
    const loss = computeMaskedLoss(inputs, parameters, shape);
    const gradients = differentiate(loss, [...parameters.values()]);

    const openStates = () => {
      const sizes = [...parameters].map(([name, tensor]) => [name, tensor.shape] as const);
      const states = new Map(
        [...sizes, ...[...listMoments(listed, settings)].map(([name, { shape }]) => [name, shape] as const)].map(
          ([name, size]) => [name, backend.allocate(size, "f32")] as const,
        ),
      );
      for (const [name, values] of Object.entries(expected.parameters)) {
        backend.write(states.get(name)!, Float32Array.from(values));
      }
      return states;
    };

    test(`${backendName}, ${positions}: logits, loss and every gradient`, { skip }, async () => {
      const logits = predictTokens(inputs, parameters, shape);
      const named = Object.fromEntries([...parameters.keys()].map((name, i) => [name, gradients[i]!]));
      const loaded = await backend.load({ outputs: { logits, loss, ...named }, updates: {} }, openStates());
      const got = await loaded.run(batch);
      check("logits", got.logits!, expected.logits);
      check("loss", got.loss!, [expected.loss]);
      assert.deepEqual(Object.keys(expected.gradients).sort(), [...parameters.keys()].sort());
      for (const [name, values] of Object.entries(expected.gradients)) check(`gradient of ${name}`, got[name]!, values);
    });

    test(`${backendName}, ${positions}: loss and gradients by tiles of five rows of logits`, { skip }, async () => {
      const tiled = computeMaskedLoss(inputs, parameters, shape, { tileRows: 5 });
      const own = differentiate(tiled, [...parameters.values()]);
      const named = Object.fromEntries([...parameters.keys()].map((name, i) => [name, own[i]!]));
      const loaded = await backend.load({ outputs: { loss: tiled, ...named }, updates: {} }, openStates());
      const got = await loaded.run(batch);
      check("loss", got.loss!, [expected.loss]);
      for (const [name, values] of Object.entries(expected.gradients)) check(`gradient of ${name}`, got[name]!, values);
    });

    test(`${backendName}, ${positions}: ten AdamW steps with clipping`, { skip }, async () => {
      const states = openStates();
      const named = new Map([...parameters.keys()].map((name, i) => [name, gradients[i]!] as const));
      const { updates, gradientNorm } = buildUpdate(listed, settings, parameters, named);
      const loaded = await backend.load({ outputs: { loss, gradientNorm }, updates }, states);
      for (let step = 1; step <= 10; step++) {
        const got = await loaded.run({ ...batch, ...scheduleInputs(settings, step, 1) });
        check(`loss of step ${step}`, got.loss!, [expected.losses[step - 1]!]);
        check(`gradient norm of step ${step}`, got.gradientNorm!, [expected.norms[step - 1]!]);
      }
      for (const [name, values] of Object.entries(expected.after)) {
        check(name, await backend.read(states.get(name)!), values);
      }
    });
  }

  test(`${backendName}: Muon's iteration`, { skip }, async () => {
    for (const { shape, x, y } of golden.muon) {
      const loaded = await backend.load(
        { outputs: { y: orthogonalise(input("x", [1, ...shape], "f32"), 1) }, updates: {} },
        new Map(),
      );
      check("orthogonalised", (await loaded.run({ x: Float32Array.from(x) })).y!, y);
    }
  });
}
