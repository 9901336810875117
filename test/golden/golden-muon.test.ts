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

async function checkMuon(backend: Backend, { shape, parts, start, gradients, end }: Case, tolerance: number) {
  const listed = [{ name: "w", shape, role: "matrix", parts }] as const;
  const states = new Map(
    [["w", { shape }] as const, ...listMoments(listed, settings)].map(
      ([name, { shape: size }]) => [name, backend.allocate(size, "f32")] as const,
    ),
  );
  backend.write(states.get("w")!, Float32Array.from(start));
  const parameters = new Map([["w", state("w", shape)]]);
  const { updates, gradientNorm } = buildUpdate(
    listed,
    settings,
    parameters,
    new Map([["w", input("gradient", shape, "f32")]]),
  );
  const loaded = await backend.load({ outputs: { gradientNorm }, updates }, states);
  for (const [i, gradient] of gradients.entries()) {
    await loaded.run({ ...scheduleInputs(settings, i + 1, 1), gradient: Float32Array.from(gradient) });
  }
  const got = await backend.read(states.get("w")!);
  assert.equal(got.length, end.length);
  const worst = end.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
  assert.ok(worst < tolerance, `error ${worst}`);
}

for (const [name, open, tolerance] of [
  ["reference", async () => openReference(), 1e-6],
  ["cpu", () => openCpu({ threads: 2 }), 2e-6],
  ["cuda", () => openEmulatedCuda(), 2e-6],
] as const) {
  test(`${name}: five Muon steps`, { skip: name === "cuda" && emulatorAbsent }, async () => {
    const backend = await open();
    try {
      for (const matrix of golden) await checkMuon(backend, matrix, tolerance);
    } finally {
      await backend.close();
    }
  });
}
