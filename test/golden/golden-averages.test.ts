// Averages of the parameters against their recurrences in NumPy (scripts/make-averages.py), on a device and read out of its states; and
// the closed forms: the average of what does not change is what it is. An average without a row in the golden file fails.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Backend } from "../../src/backends/backend.ts";
import { openCpu } from "../../src/backends/cpu/cpu.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { state } from "../../src/graph/operations.ts";
import type { Shape } from "../../src/graph/tensor.ts";
import {
  averageParameters,
  countTaken,
  listAverageStates,
  takeIntoAverage,
  type WeightAverageSettings,
  weightAverages,
} from "../../src/optim/averages.ts";
import { listHeld } from "../../src/train/step/states.ts";
import { listAveraged } from "../../src/train/stored-average.ts";
import { fetchTensors } from "../fetch-tensors.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/averages.json", import.meta.url), "utf8"),
) as {
  readonly walk: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly settings: WeightAverageSettings;
    readonly averages: readonly (readonly number[])[];
  }[];
};
/** Seven numbers as two parameters. */
const shapes = new Map<string, Shape>([
  ["matrix", [2, 3]],
  ["scale", [1]],
]);

/** The averages after each value of a walk, from the graph; at its end the one that is read out of the states is the same. */
async function follow(
  backend: Backend,
  settings: WeightAverageSettings,
  walk: readonly (readonly number[])[],
): Promise<number[][]> {
  const stateShapes = listAverageStates(shapes, settings);
  const all = [...shapes, ...stateShapes];
  const states = new Map(all.map(([name, shape]) => [name, backend.allocate(shape, "f32")] as const));
  const parameters = new Map([...shapes].map(([name, shape]) => [name, state(name, shape)] as const));
  const take = await backend.load({ outputs: {}, updates: takeIntoAverage(parameters, settings) }, states);
  const outputs = Object.fromEntries(averageParameters(parameters, settings));
  const average = await backend.load({ outputs, updates: {} }, states);
  const read = async () => {
    const { matrix, scale } = await average.run({});
    return [...matrix!, ...scale!];
  };
  const averages: number[][] = [];
  let taken = 0;
  for (const [i, values] of walk.entries()) {
    backend.write(states.get("matrix")!, Float32Array.from(values.slice(0, 6)));
    backend.write(states.get("scale")!, Float32Array.from(values.slice(6)));
    const due = countTaken({ step: i + 1, progress: (i + 1) / walk.length }, settings);
    if (due > taken) await take.run({});
    taken = due;
    averages.push(await read());
  }
  const stored = listAveraged(
    await fetchTensors(listHeld(backend, states, shapes.keys())),
    await fetchTensors(listHeld(backend, states, stateShapes.keys())),
    settings,
  );
  assertClose([...stored[0]!.read(), ...stored[1]!.read()], averages.at(-1)!);
  return averages;
}

function assertClose(seen: readonly number[], expected: readonly number[]): void {
  assert.equal(seen.length, expected.length);
  for (const [i, value] of expected.entries()) {
    assert.ok(Math.abs(seen[i]! - value) <= 2e-6 * (1 + Math.abs(value)), `${seen[i]} at ${i}, expected ${value}`);
  }
}

for (const [name, open] of [
  ["reference", openReference],
  ["cpu", () => openCpu({ threads: 1 })],
] as const) {
  test(`averages of a walk are NumPy's on ${name}, and a constant's is the constant`, async () => {
    const backend = await open();
    try {
      for (const { settings, averages } of golden.cases) {
        const seen = await follow(backend, settings, golden.walk);
        for (const [i, row] of averages.entries()) assertClose(seen[i]!, row);
        const constant = golden.walk[0]!;
        for (const row of await follow(backend, settings, Array(9).fill(constant))) assertClose(row, constant);
      }
    } finally {
      await backend.close();
    }
  });
}

test("every average is in the golden file", () => {
  assert.deepEqual(
    golden.cases.map(({ settings }) => settings.name),
    weightAverages.map(({ name }) => name),
  );
});
