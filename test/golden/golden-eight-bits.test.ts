// Moments in eight bits against a NumPy writing of the paper's rule (scripts/make-eight-bits.py): all numbers of its maps, codes of drawn
// numbers, and twenty steps with a last block that is not full.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { input, state } from "../../src/graph/operations.ts";
import { dequantise, type MomentSign, quantise } from "../../src/optim/eight-bits.ts";
import { type OptimizerSettings, optimizerSchema } from "../../src/optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../src/optim/update.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";
import { formula, type Summary, summarise } from "./formula.ts";

interface Golden {
  readonly shape: readonly [number, number];
  readonly block: number;
  readonly maps: Readonly<Record<MomentSign, readonly number[]>>;
  readonly codes: Readonly<Record<MomentSign, Summary>>;
  readonly ends: Readonly<Record<"adamw" | "lion", Summary>>;
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/eight-bits.json", import.meta.url);
const { shape, block, maps, codes, ends } = JSON.parse(readFileSync(path, "utf8")) as Golden;
const count = shape[0] * shape[1];
const draw = (name: string, power = 1) => Float32Array.from(formula(name, count), value => value ** power);

function checkSummary(values: ArrayLike<number>, expected: Summary, name: string, tolerance: number) {
  for (const [i, seen] of summarise(name, values).entries()) {
    const error = Math.abs(seen - expected[i]!) / expected[0];
    assert.ok(error < tolerance, `${seen} against ${expected[i]}`);
  }
}

const common = { learningRate: 0.01, weightDecay: 0.1, clip: 0, momentBlock: block };
const optimizers: Readonly<Record<keyof Golden["ends"], OptimizerSettings>> = {
  adamw: optimizerSchema.parse({ ...common, name: "adamw", beta1: 0.9, beta2: 0.98, epsilon: 1e-8 }),
  lion: optimizerSchema.parse({ ...common, name: "lion" }),
};

async function takeSteps(backend: Backend, settings: OptimizerSettings): Promise<ArrayLike<number>> {
  const listed = [{ name: "w", shape, role: "matrix", parts: 1 }] as const;
  const types = [["w", { shape, dtype: "f32" as const }] as const, ...listMoments(listed, settings)];
  const states = new Map(types.map(([name, type]) => [name, backend.allocate(type.shape, type.dtype)] as const));
  backend.write(states.get("w")!, draw("start"));
  const [own, gradient] = [new Map([["w", state("w", shape)]]), new Map([["w", input("gradient", shape, "f32")]])];
  const { updates } = buildUpdate(listed, settings, own, gradient);
  const program = await backend.load({ outputs: {}, updates }, states);
  for (let step = 1; step <= 20; step++) {
    await program.run({ ...scheduleInputs(settings, step, 1), gradient: draw(`gradient ${step}`, 3) });
  }
  return backend.read(states.get("w")!);
}

const signs = ["signed", "positive"] as const;

/** The numbers of all codes, and the codes of drawn numbers, of both maps in one program. */
async function readMaps(backend: Backend) {
  const [all, one] = [input("codes", [1, 256], "u8"), input("one", [1, 1], "f32")];
  const outputs = signs.map(sign => [
    [`map ${sign}`, dequantise(all, one, [256], sign)] as const,
    [`codes ${sign}`, quantise(input(`x ${sign}`, shape, "f32"), block, sign).codes] as const,
  ]);
  const program = await backend.load({ outputs: Object.fromEntries(outputs.flat()), updates: {} }, new Map());
  return program.run({
    codes: Uint8Array.from({ length: 256 }, (_, i) => i),
    one: Float32Array.of(1),
    "x signed": draw("numbers", 9),
    "x positive": draw("numbers", 9).map(Math.abs),
  });
}

// A number in the middle between two others may become either in f32.
for (const [name, open, tolerance, some, absent] of [
  ["reference", async () => openReference(), 1e-6, ["adamw", "lion"], undefined],
  ["cpu", () => openCpu({ threads: 1, precision: "f32" }), 1e-5, ["adamw"], undefined],
  ["cuda", () => openEmulatedCuda(), 1e-5, ["lion"], emulatorAbsent],
] as const) {
  test(`${name}: eight bits are the paper's`, { skip: absent ?? false }, async t => {
    const backend = await open();
    try {
      await t.test("maps and codes", async () => {
        const got = await readMaps(backend);
        for (const sign of signs) {
          for (const [i, seen] of got[`map ${sign}`]!.entries()) {
            const expected = maps[sign][i]!;
            assert.ok(Math.abs(seen - expected) <= 1e-6 * Math.abs(expected), `${sign} ${i}: ${seen}`);
          }
          checkSummary(got[`codes ${sign}`]!.subarray(0, count), codes[sign], "codes", tolerance);
        }
      });
      for (const optimizer of some) {
        await t.test(`twenty steps of ${optimizer}`, async () => {
          checkSummary(await takeSteps(backend, optimizers[optimizer]), ends[optimizer], "end", tolerance);
        });
      }
    } finally {
      await backend.close();
    }
  });
}
