// Twenty steps of every optimizer, with clipping, decay and a rate that falls, against torch.optim or the formula of its authors in
// NumPy (scripts/make-optimizers.py). A new optimizer without a row here fails.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend, DeviceBuffer } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { rewriteGraph } from "../../src/compiler/passes/simplify.ts";
import { input, state } from "../../src/graph/operations.ts";
import { countElements, type Graph, type Shape } from "../../src/graph/tensor.ts";
import { type OptimizerSettings, optimizerSchema, optimizers } from "../../src/optim/optimizers.ts";
import { findInterval, findProbe } from "../../src/optim/probe.ts";
import { buildUpdate, listMoments, scheduleInputs } from "../../src/optim/update.ts";
import { openEmulatedCuda } from "../cuda-emulator/emulated-backend.ts";
import { emulatorAbsent } from "../cuda-emulator/emulated-driver.ts";

type Role = "matrix" | "embedding" | "norm" | "scale";

/** Numbers of all four parameters one after another. */
interface Golden {
  readonly shapes: Readonly<Record<Role, Shape>>;
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  /** Of a probe: what it would be at each step. */
  readonly second: readonly (readonly number[])[];
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

const rename = (prefix: string, values: readonly number[]) =>
  Object.fromEntries(Object.entries(cut(values)).map(([name, part]) => [`${prefix}.${name}`, part] as const));

interface Case {
  readonly number: number;
  readonly settings: OptimizerSettings;
  readonly end: readonly number[];
}

const cases: readonly Case[] = golden.cases.map(({ settings, end }, number) => ({
  ...{ number, end },
  settings: optimizerSchema.parse(settings),
}));

/** The update of one case, whose parameters, states and scalars have its number in front. */
function buildCase({ number, settings }: Case, isDue: boolean): Graph {
  const own = listed.map(parameter => ({ ...parameter, name: `${number}/${parameter.role}` }));
  const read = (kind: string) =>
    new Map(own.map(({ name, role, shape }) => [name, input(`${kind}.${role}`, shape, "f32")] as const));
  const parameters = new Map(own.map(({ name, shape }) => [name, state(name, shape)] as const));
  const probe = isDue && findProbe(settings) ? read("probe") : undefined;
  const { updates } = buildUpdate(own, settings, parameters, read("gradient"), { isDue, probe });
  return rewriteGraph({ outputs: {}, updates }, node => {
    const { operation, shape, dtype } = node;
    const isScalar = operation.kind === "input" && !operation.name.includes(".");
    return isScalar ? input(`${number}/${operation.name}`, shape, dtype) : node;
  });
}

/** Takes the steps of cases of one interval in one program, for a compiler's sake, and gives their parameters. */
async function takeSteps(backend: Backend, some: readonly Case[], interval: number): Promise<number[][]> {
  const states = new Map<string, DeviceBuffer>();
  for (const { number, settings } of some) {
    const own = listed.map(parameter => ({ ...parameter, name: `${number}/${parameter.role}` }));
    for (const { name, shape } of own) states.set(name, backend.allocate(shape, "f32"));
    for (const [name, type] of listMoments(own, settings)) states.set(name, backend.allocate(type.shape, type.dtype));
    for (const [role, values] of Object.entries(cut(golden.start)))
      backend.write(states.get(`${number}/${role}`)!, values);
  }
  const load = (isDue: boolean) => {
    const updates = some.map(each => buildCase(each, isDue).updates);
    return backend.load({ outputs: {}, updates: Object.assign({}, ...updates) }, states);
  };
  const due = await load(true);
  const between = interval > 1 ? await load(false) : due;
  for (const [i, gradient] of golden.gradients.entries()) {
    const scalars = some.flatMap(({ number, settings }) =>
      Object.entries(scheduleInputs(settings, i + 1, golden.rateScales[i]!)).map(
        ([name, value]) => [`${number}/${name}`, value] as const,
      ),
    );
    const given = { ...rename("gradient", gradient), ...rename("probe", golden.second[i]!) };
    await (i % interval === 0 ? due : between).run({ ...Object.fromEntries(scalars), ...given });
  }
  const read = async (name: string) => [...(await backend.read(states.get(name)!))];
  return Promise.all(
    some.map(async ({ number }) => (await Promise.all(listed.map(({ role }) => read(`${number}/${role}`)))).flat()),
  );
}

const describe = ({ name, ...settings }: OptimizerSettings) =>
  `${name} ${Object.entries(settings)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(" ")}`;

for (const [name, open, tolerance, absent] of [
  ["reference", async () => openReference(), 1e-6, undefined],
  ["cpu", () => openCpu({ threads: 1, precision: "f32" }), 1e-5, undefined],
  ["cuda", () => openEmulatedCuda(), 1e-5, emulatorAbsent],
] as const) {
  test(`${name}: twenty steps of every optimizer`, { skip: absent ?? false }, async t => {
    const backend = await open();
    try {
      const intervals = [...new Set(cases.map(({ settings }) => findInterval(settings)))];
      for (const interval of intervals) {
        const some = cases.filter(({ settings }) => findInterval(settings) === interval);
        const ends = await takeSteps(backend, some, interval);
        for (const [i, { settings, end }] of some.entries()) {
          await t.test(describe(settings), () => {
            assert.equal(ends[i]!.length, end.length);
            const worst = end.reduce((most, value, at) => Math.max(most, Math.abs(value - ends[i]![at]!)), 0);
            assert.ok(worst < tolerance, `error ${worst}`);
          });
        }
      }
    } finally {
      await backend.close();
    }
  });
}

test("what is decomposed is not rounded where the model's products are", async () => {
  const backend = await openCpu({ threads: 1, precision: "bf16" });
  try {
    const some = cases.filter(
      ({ settings }) => ["shampoo", "soap"].includes(settings.name) && findInterval(settings) === 1,
    );
    const ends = await takeSteps(backend, some, 1);
    for (const [i, { end }] of some.entries()) {
      const worst = end.reduce((most, value, at) => Math.max(most, Math.abs(value - ends[i]![at]!)), 0);
      assert.ok(worst < 1e-5, `error ${worst}`);
    }
  } finally {
    await backend.close();
  }
});

test("every optimizer has a row", () => {
  const tried = new Set(golden.cases.map(({ settings }) => settings.name));
  assert.deepEqual([...tried].sort(), optimizers.map(({ name }) => name).sort());
});
