// Parameters begin at what is drawn or given, made in the device's memory or written there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../../recipes/quickstart.ts";
import type { DeviceBuffer } from "../../backends/backend.ts";
import { openCpu } from "../../backends/cpu/cpu.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { initialiseParameters } from "../../model/initialise.ts";
import { defineTraining } from "../definition.ts";
import { overrideRecipe } from "../recipe.ts";
import { allocateStates, initialiseStates } from "./states.ts";

test("what is drawn stands where it was drawn, what is given is written, and both are the same on every backend", async () => {
  const sizes = ["width=24", "layers=2", "heads=2", "feedForward=40", "vocabulary=301", "sequenceLength=8"];
  for (const initialisation of ["normal", "deep", "orthogonal"]) {
    const settings = [...sizes, `initialisation=${initialisation}`].map(setting => `model.${setting}`);
    const recipe = overrideRecipe(quickstart, [...settings, "optimizer.name=adamw", "train.seed=9"]);
    const expected = initialiseParameters(recipe.model, 9);
    const [name] = [...expected.keys()] as [string];
    const given = expected.get(name)!.map((_, i) => i / 7);
    expected.set(name, given);
    const shape = [given.length];
    const definition = defineTraining(recipe, new Map([[name, { name, shape, read: () => given }]]));
    for (const backend of [openReference(), await openCpu({ threads: 1 })]) {
      let written = 0;
      const states = allocateStates(backend, definition);
      const write: typeof backend.write = (buffer: DeviceBuffer, values) => {
        written++;
        backend.write(buffer, values);
      };
      await initialiseStates({ ...backend, write }, definition, states);
      assert.equal(written, backend.view === undefined ? expected.size : 1, backend.name);
      for (const [key, values] of expected) {
        assert.deepEqual(Float32Array.from(await backend.read(states.get(key)!)), values, `${backend.name}: ${key}`);
      }
      await backend.close?.();
    }
  }
});
