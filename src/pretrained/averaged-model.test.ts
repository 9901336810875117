import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../test/tiny-run.ts";
import { loadParameters, saveCheckpoint } from "../checkpoint/state.ts";
import { countElements } from "../graph/tensor.ts";
import { listParameters } from "../model/parameters.ts";
import { listAverageStates } from "../optim/averages.ts";
import { readRunRecipe } from "../train/run-folder.ts";
import { exportRun } from "../verbs/export/export-run.ts";
import { openPretrainedModel } from "./pretrained-model.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-averaged-"));
after(() => rmSync(folder, { recursive: true }));
const words = ["see", "the", "river"];

test("an average that a run kept is opened and exported in place of its parameters, or refused", async () => {
  const run = join(folder, "run");
  await writeTinyRun(run, words, ["model.layers=2", "average.name=lawa", "average.copies=2"]);
  const { average, model } = readRunRecipe(run);
  const shapes = new Map(listParameters(model).map(({ name, shape }) => [name, shape] as const));
  const { counters, parameters } = loadParameters(run, shapes);
  // Copies of 1 and 3 everywhere, of which two were taken in.
  const fill: Readonly<Record<string, number>> = { "0": 1, "1": 3, weight: 2 };
  const moments = [...listAverageStates(shapes, average!)].map(([name, shape]) => ({
    ...{ name, shape },
    read: () => new Float32Array(countElements(shape)).fill(fill[name.split(".")[1]!]!),
  }));
  await saveCheckpoint(run, { counters: { ...counters, step: 11 }, parameters: parameters.map(hold), moments });
  const isTwo = (opened: { parameters: readonly { read(): Float32Array }[] }) =>
    opened.parameters.every(({ read }) => read().every(value => value === 2));
  assert.ok(isTwo(await openPretrainedModel(run, "lawa")));
  assert.ok(!isTwo(await openPretrainedModel(run)));
  const { out, notes } = await exportRun(run, { weights: "lawa", formats: ["huggingface"], backend: "cpu" });
  assert.ok(isTwo(await openPretrainedModel(out)));
  assert.match(notes.join(" "), /lawa average/);
  await assert.rejects(openPretrainedModel(run, "ema"), { code: "E_OPTION", message: /keeps no ema average/ });
  await assert.rejects(openPretrainedModel(out, "lawa"), { code: "E_OPTION" });
});

/** A checkpoint that is replaced is not read any more. */
function hold<T extends { read(): Float32Array }>(tensor: T): T {
  const values = tensor.read();
  return { ...tensor, read: () => values };
}
