// Every objective against PyTorch in float64 (scripts/make-objectives.py): its loss and every gradient, on the inputs that it reads.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { openReference } from "../../src/backends/reference/reference.ts";
import { differentiate } from "../../src/graph/gradient.ts";
import { state } from "../../src/graph/operations.ts";
import { countElements, type Shape } from "../../src/graph/tensor.ts";
import {
  computeObjectiveLoss,
  findObjectiveMemory,
  listTrained,
  makeTrainedTables,
  objectives,
} from "../../src/objectives/objectives.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";
import { formula, type Summary, summarise } from "./formula.ts";

interface Case {
  readonly name: string;
  readonly objective: Readonly<Record<string, unknown>>;
  readonly model: Readonly<Record<string, unknown>>;
  /** Further settings. */
  readonly changes?: readonly string[];
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly loss: number;
  /** What the objective remembers, before the step and after it. */
  readonly states?: Readonly<Record<string, readonly number[]>>;
  readonly updated?: Readonly<Record<string, readonly number[]>>;
  readonly gradients: Readonly<Record<string, Summary>>;
  /** Where layers are left out, documents are apart, and sequences are in pieces; and the type of the residual stream's gradient. */
  readonly trained?: { readonly layerDrop: number; readonly cut: number; readonly residualGradient?: "bf16" };
}
interface Golden {
  readonly sequences: number;
  readonly sequenceLength: number;
  readonly vocabulary: number;
  readonly base: Readonly<Record<string, unknown>>;
  readonly cases: readonly Case[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/objectives.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;

/** The script's value of a parameter. */
function parameterValue(name: string, size: Shape): Float32Array {
  const isGain = size.length === 1 && name.endsWith(".weight");
  const scale = size.length === 1 ? 0.1 : 0.3;
  return Float32Array.from(formula(name, countElements(size)), value => (isGain ? 1 : 0) + scale * value);
}

function recipeOf({ objective, model, changes = [] }: Case) {
  const sizes = { ...golden.base, ...model, vocabulary: golden.vocabulary, sequenceLength: golden.sequenceLength };
  return overrideRecipe(quickstart, [
    ...Object.entries(sizes).map(([key, value]) => `model.${key}=${value}`),
    ...Object.entries(objective).map(([key, value]) => `objective.${key}=${value}`),
    ...[`train.microBatchSequences=${golden.sequences}`, "data.maskFraction=0.375", ...changes],
  ]);
}

for (const each of golden.cases) {
  test(`${each.name}: loss and gradients are PyTorch's`, async () => {
    const recipe = recipeOf(each);
    const backend = openReference();
    const listed = listTrained(recipe);
    const parameters = new Map(listed.map(({ name, shape }) => [name, state(name, shape)] as const));
    const states = new Map(listed.map(({ name, shape }) => [name, backend.allocate(shape, "f32")] as const));
    for (const { name, shape } of listed) backend.write(states.get(name)!, parameterValue(name, shape));
    const { layerDrop, cut = 1, residualGradient } = each.trained ?? {};
    const training = each.trained && { layerDrop, residualGradient, separateDocuments: true };
    const trained = { ...recipe, model: { ...recipe.model, ...(training && { training }) }, cut };
    const { loss, seen = {} } = computeObjectiveLoss(parameters, trained);
    const memory = findObjectiveMemory(recipe);
    for (const [name, shape] of memory?.states ?? []) {
      states.set(name, backend.allocate(shape, "f32"));
      backend.write(states.get(name)!, Float32Array.from(each.states![name]!));
    }
    const gradients = differentiate(loss, [...parameters.values()]);
    const named = Object.fromEntries([...parameters.keys()].map((name, i) => [name, gradients[i]!]));
    const inputs = Object.fromEntries(
      Object.entries(each.inputs).map(([name, values]) => [
        name,
        name.endsWith("Seed") ? Uint32Array.from(values) : Int32Array.from(values),
      ]),
    );
    const program = await backend.load({ outputs: { loss, ...named }, updates: memory?.update(seen) ?? {} }, states);
    const outputs = await program.run({ ...inputs, ...makeTrainedTables(trained) });
    const error = Math.abs(outputs.loss![0]! - each.loss);
    assert.ok(error < 1e-6 * each.loss, `loss ${outputs.loss![0]} against ${each.loss}`);
    for (const [name, expected] of Object.entries(each.updated ?? {})) {
      const values = await backend.read(states.get(name)!);
      expected.forEach((value, i) => {
        assert.ok(Math.abs(values[i]! - value) < 1e-6, `${name} ${i}: ${values[i]} against ${value}`);
      });
    }
    // PyTorch never meets a layer that is left out.
    const unmet = [...parameters.keys()].filter(name => each.trained && !(name in each.gradients));
    for (const name of unmet) assert.ok(/layers\./.test(name) && outputs[name]!.every(value => value === 0), name);
    assert.deepEqual([...parameters.keys()].filter(name => !unmet.includes(name)).sort(), Object.keys(each.gradients));
    for (const [name, expected] of Object.entries(each.gradients)) {
      const seen = summarise(name, outputs[name]!);
      const distance = Math.max(Math.abs(seen[0] - expected[0]), Math.abs(seen[1] - expected[1]));
      assert.ok(distance < 1e-5 * Math.max(1e-3, expected[0]), `${name}: ${seen} against ${expected}`);
    }
  });
}

test("every objective there is was compared", () => {
  const compared = new Set(golden.cases.map(({ objective }) => objective.name));
  // The masked language model is golden-model.test.ts's.
  const wanted = objectives.map(({ name }) => name).filter(name => name !== "masked");
  assert.deepEqual([...compared].sort(), wanted.sort());
});
