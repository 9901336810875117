// Whole Muon steps (momentum, split of q, k and v, scale by shape, decay) against torch.optim.Muon (scripts/make-muon.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { input, state } from "../../src/graph/operations.ts";
import type { OptimizerSettings } from "../../src/optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../src/optim/update.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";

interface Case {
  readonly shape: readonly [number, number];
  readonly parts: number;
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly end: readonly number[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/muon.json", import.meta.url), "utf8"),
) as Case[];

const settings: OptimizerSettings = {
  name: "muon",
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-12,
  weightDecay: 0.01,
  muonLearningRate: 0.02,
  muonMomentum: 0.95,
  clip: 0,
};

/** All cases at once, each a parameter of one model. */
async function checkMuon(backend: Backend, cases: readonly Case[], tolerance: number) {
  const listed = cases.map(({ shape, parts }, i) => ({ name: `w${i}`, shape, role: "matrix", parts }) as const);
  const states = new Map(
    [...listed.map(({ name, shape }) => [name, { shape }] as const), ...listMoments(listed, settings)].map(
      ([name, { shape }]) => [name, backend.allocate(shape, "f32")] as const,
    ),
  );
  for (const [i, { start }] of cases.entries()) backend.write(states.get(`w${i}`)!, Float32Array.from(start));
  const { updates, gradientNorm } = buildUpdate(
    listed,
    settings,
    new Map(listed.map(({ name, shape }) => [name, state(name, shape)])),
    new Map(listed.map(({ name, shape }) => [name, input(`gradient.${name}`, shape, "f32")])),
  );
  const loaded = await backend.load({ outputs: { gradientNorm }, updates }, states);
  for (const step of cases[0]!.gradients.keys()) {
    const gradients = cases.map((each, i) => [`gradient.w${i}`, Float32Array.from(each.gradients[step]!)] as const);
    await loaded.run({ ...scheduleInputs(settings, step + 1, 1), ...Object.fromEntries(gradients) });
  }
  for (const [i, { end }] of cases.entries()) {
    const got = await backend.read(states.get(`w${i}`)!);
    assert.equal(got.length, end.length);
    const worst = end.reduce((most, value, at) => Math.max(most, Math.abs(value - got[at]!)), 0);
    assert.ok(worst < tolerance, `case ${i}: error ${worst}`);
  }
}

for (const [name, open, tolerance] of [
  ["reference", async () => openReference(), 1e-6],
  ["cpu", () => openCpu({ threads: 2 }), 2e-6],
  ["cuda", () => openEmulatedCuda(), 2e-6],
] as const) {
  test(`${name}: five Muon steps`, { skip: name === "cuda" && emulatorAbsent }, async () => {
    const backend = await open();
    try {
      await checkMuon(backend, golden, tolerance);
    } finally {
      await backend.close();
    }
  });
}
