// What a model says while it trains: the masks that it fills are those of the run as it is opened, and the nearest tokens those of
// cosines computed here.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeTinyRun } from "../../../test/tiny-run.ts";
import { placeParameters } from "../../backends/placed-parameters.ts";
import { openReference } from "../../backends/reference/reference.ts";
import { openPretrainedModel } from "../../pretrained/pretrained-model.ts";
import { readTokenizer } from "../../tokenizer/read-tokenizer.ts";
import { checkRecipe } from "../../train/recipe.ts";
import { readRunRecipe } from "../../train/run-folder.ts";
import { fill } from "../model/fill.ts";
import { openSampler } from "./sample-model.ts";

const root = mkdtempSync(join(tmpdir(), "cram-samples-"));
after(() => rmSync(root, { recursive: true }));
const run = join(root, "run");
await writeTinyRun(run, ["the", "red", "fox", "owl", "sleeps"], ["train.precision=f32"]);
const { parameters } = await openPretrainedModel(run);
const tokenizer = readTokenizer(join(run, "tokenizer.json"));
const recipe = readRunRecipe(run);

function open(samples: Record<string, unknown>) {
  const backend = openReference();
  const asked = checkRecipe({ ...recipe, samples }, "recipe");
  return openSampler(backend, asked, tokenizer, placeParameters(backend, parameters));
}

test("masks are filled as the run fills them, and near tokens are those of the largest cosine", async () => {
  const text = "the [MASK] sleeps";
  const { fills, neighbours } = await open({ masks: [text], neighbours: ["fox"], top: 2 })!();
  const [expected] = await fill(run, [text], { backend: "reference", top: 2 });
  assert.deepEqual(fills, [expected]);
  const { shape, read } = parameters.find(({ name }) => name === "embedding.word")!;
  const [rows, width] = shape as [number, number];
  const table = read() as Float32Array;
  const row = (id: number) => table.subarray(id * width, (id + 1) * width);
  const cosine = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b);
  const fox = tokenizer.vocabulary.indexOf("fox");
  const near = Array.from({ length: rows }, (_, id) => ({ id, cosine: cosine(row(fox), row(id)) }))
    .filter(({ id }) => id !== fox)
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, 2);
  assert.equal(neighbours[0]!.text, "fox");
  assert.deepEqual(
    neighbours[0]!.nearest.map(({ token }) => token),
    near.map(({ id }) => tokenizer.vocabulary[id]),
  );
  neighbours[0]!.nearest.forEach(({ similarity }, i) => {
    assert.ok(Math.abs(similarity - near[i]!.cosine) < 1e-6);
  });
});

test("what could show nothing is refused by name", () => {
  assert.equal(openSampler(openReference(), recipe, tokenizer, new Map()), undefined);
  const refuse = (samples: Record<string, unknown>, message: RegExp) =>
    assert.throws(() => open(samples), { code: "E_RECIPE_VALUE", message });
  refuse({}, /samples shows nothing/);
  refuse({ masks: ["the fox"] }, /samples\.masks: "the fox" has no \[MASK\]/);
  refuse({ neighbours: ["red fox"] }, /"red fox" has 2 tokens/);
});
