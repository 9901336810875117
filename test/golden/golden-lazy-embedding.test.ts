// Lazy updates of an embedding against torch.optim.SparseAdam (scripts/make-lazy-embedding.py): rows that a step reads several times, and
// rows that it does not read; with clipping and decay.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { input, scatterAdd, state } from "../../src/graph/operations.ts";
import { compactGradient, lazyParameter, listTouched } from "../../src/optim/lazy-rows.ts";
import { type OptimizerSettings, optimizerSchema } from "../../src/optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../src/optim/update.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/lazy-embedding.json", import.meta.url), "utf8"),
) as {
  readonly shape: readonly [number, number];
  readonly start: readonly number[];
  /** Of each step, and the rows of its gradient at them. */
  readonly indices: readonly (readonly number[])[];
  readonly values: readonly (readonly number[])[];
  readonly rateScales: readonly number[];
  /** With the table after each step. */
  readonly cases: readonly { readonly settings: OptimizerSettings; readonly tables: readonly (readonly number[])[] }[];
};
const { shape, indices } = golden;
const [vocabulary, columns] = shape;
const read = indices[0]!.length;

/** The table after each step. A step knows of `most` rows at most. */
async function follow(backend: Backend, settings: OptimizerSettings, most: number): Promise<number[][]> {
  const listed = [{ name: lazyParameter, shape, role: "embedding", parts: 1 }] as const;
  const table = state(lazyParameter, shape);
  const values = input("values", [read, columns], "f32");
  const scattered = scatterAdd(values, input("at", [read], "i32"), vocabulary);
  const gradient = compactGradient(scattered, { most, readBy: ["at"] });
  const gradients = new Map([[lazyParameter, gradient]]);
  const { updates } = buildUpdate(listed, settings, new Map([[lazyParameter, table]]), gradients);
  const types = [[lazyParameter, { shape, dtype: "f32" }] as const, ...listMoments(listed, settings)];
  const states = new Map(types.map(([name, type]) => [name, backend.allocate(type.shape, type.dtype)] as const));
  backend.write(states.get(lazyParameter)!, Float32Array.from(golden.start));
  const program = await backend.load({ outputs: {}, updates }, states);
  const tables: number[][] = [];
  for (const [i, some] of indices.entries()) {
    await program.run({
      ...scheduleInputs(settings, i + 1, golden.rateScales[i]!),
      ...listTouched([some], vocabulary, most),
      at: Int32Array.from(some),
      values: Float32Array.from(golden.values[i]!),
    });
    tables.push([...(await backend.read(states.get(lazyParameter)!))]);
  }
  return tables;
}

for (const [name, open, tolerance, absent] of [
  ["reference", async () => openReference(), 1e-6, undefined],
  ["cpu", () => openCpu({ threads: 2, precision: "f32" }), 1e-5, undefined],
  ["cuda", () => openEmulatedCuda(), 1e-5, emulatorAbsent],
] as const) {
  test(`${name}: rows that a step reads are SparseAdam's, and no other moves`, { skip: absent ?? false }, async () => {
    const backend = await open();
    try {
      for (const { settings, tables } of golden.cases) {
        for (const most of [read, vocabulary]) {
          const seen = await follow(backend, optimizerSchema.parse(settings), most);
          for (const [step, expected] of tables.entries()) {
            const before = seen[step - 1] ?? golden.start;
            for (const [at, value] of expected.entries()) {
              const error = Math.abs(seen[step]![at]! - value);
              assert.ok(error < tolerance, `clip ${settings.clip}, ${most} rows, step ${step + 1}, ${at}: ${error}`);
              const isRead = indices[step]!.includes(Math.floor(at / columns));
              if (!isRead) assert.equal(seen[step]![at], before[at], `step ${step + 1}, ${at}`);
            }
          }
        }
      }
    } finally {
      await backend.close();
    }
  });
}
