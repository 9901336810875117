// Twenty steps of every optimizer, with clipping, decay and a rate that falls, against torch.optim or the formula of its authors in
// NumPy (scripts/make-optimizers.py). A new optimizer without a row here fails.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { input, state } from "../../src/graph/operations.ts";
import { countElements, type Shape } from "../../src/graph/tensor.ts";
import { type OptimizerSettings, optimizerSchema, optimizers } from "../../src/optim/optimizers.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../src/optim/update.ts";

type Role = "matrix" | "embedding" | "norm" | "scale";

/** Numbers of all four parameters one after another. */
interface Golden {
  readonly shapes: Readonly<Record<Role, Shape>>;
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly rateScales: readonly number[];
  readonly cases: readonly { readonly settings: OptimizerSettings; readonly end: readonly number[] }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/optimizers.json", import.meta.url), "utf8"),
) as Golden;
const listed = (Object.keys(golden.shapes) as Role[]).map(role => ({
  name: role,
  role,
  shape: golden.shapes[role],
  parts: 1,
}));

function cut(values: readonly number[]): Record<string, Float32Array> {
  let start = 0;
  return Object.fromEntries(
    listed.map(({ name, shape }) => {
      const end = start + countElements(shape);
      const part = Float32Array.from(values.slice(start, end));
      start = end;
      return [name, part] as const;
    }),
  );
}

async function takeSteps(backend: Backend, settings: OptimizerSettings): Promise<number[]> {
  const shapes = [...listed.map(({ name, shape }) => [name, shape] as const), ...listMoments(listed, settings)];
  const states = new Map(shapes.map(([name, shape]) => [name, backend.allocate(shape, "f32")] as const));
  for (const [name, values] of Object.entries(cut(golden.start))) backend.write(states.get(name)!, values);
  const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
  const gradients = new Map(listed.map(({ name, shape }) => [name, input(`gradient.${name}`, shape, "f32")] as const));
  const { updates, gradientNorm } = buildUpdate(listed, settings, parameters, gradients);
  const loaded = await backend.load({ outputs: { gradientNorm }, updates }, states);
  for (const [i, values] of golden.gradients.entries()) {
    const seen = Object.entries(cut(values)).map(([name, gradient]) => [`gradient.${name}`, gradient] as const);
    await loaded.run({ ...scheduleInputs(settings, i + 1, golden.rateScales[i]!), ...Object.fromEntries(seen) });
  }
  return listed.flatMap(({ name }) => [...backend.read(states.get(name)!)]);
}

const describe = ({ name, ...settings }: OptimizerSettings) =>
  `${name} ${Object.entries(settings)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(" ")}`;

for (const [name, open, tolerance] of [
  ["reference", async () => openReference(), 1e-6],
  ["cpu", () => openCpu({ threads: 1, precision: "f32" }), 1e-5],
] as const) {
  test(`${name}: twenty steps of every optimizer`, async t => {
    const backend = await open();
    try {
      for (const { settings, end } of golden.cases) {
        await t.test(describe(settings), async () => {
          const got = await takeSteps(backend, optimizerSchema.parse(settings));
          assert.equal(got.length, end.length);
          const worst = end.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!)), 0);
          assert.ok(worst < tolerance, `error ${worst}`);
        });
      }
    } finally {
      await backend.close();
    }
  });
}

test("every optimizer has a row", () => {
  const tried = new Set(golden.cases.map(({ settings }) => settings.name));
  assert.deepEqual([...tried].sort(), optimizers.map(({ name }) => name).sort());
});
