import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../base/errors.ts";
import { initialiseParameters } from "../model/initialise.ts";
import { listParameters } from "../model/parameters.ts";
import { type ModelShape, withoutHead } from "../model/shape.ts";
import { defineTraining } from "./definition.ts";
import { checkInitialModel, type InitialModel } from "./initial-parameters.ts";
import { overrideRecipe } from "./recipe.ts";
import { beginRun, readRunInitial } from "./run-folder.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-initial-"));
after(() => rmSync(folder, { recursive: true }));

const settings = ["width=8", "layers=1", "heads=2", "feedForward=16", "vocabulary=12"];
const recipe = overrideRecipe(
  quickstart,
  settings.map(setting => `model.${setting}`),
);
const shape: ModelShape = recipe.model;
const vocabulary = Array.from({ length: 12 }, (_, id) => `token${id}`);
// Not the seed that the recipe would draw its own with.
const values = initialiseParameters(shape, 7);
const model: InitialModel = {
  path: "other",
  shape: { ...shape, normEpsilon: 1e-12, head: "tied" },
  parameters: listParameters(shape).map(({ name, shape: size }) => ({
    name,
    shape: size,
    read: () => values.get(name)!,
  })),
  tokenOf: id => vocabulary[id] ?? `#${id}`,
  hash: "hash",
};

test("a run begins with the values that are stored in it, and draws them where none are", () => {
  const [data, plain, run] = ["data", "plain", "run"].map(name => join(folder, name)) as [string, string, string];
  mkdirSync(data);
  writeFileSync(join(data, "tokenizer.json"), "{}");
  beginRun(plain, { recipe, data, datasetHash: "cafe" });
  assert.equal(readRunInitial(plain, recipe), undefined);
  const drawn = defineTraining(recipe).initialise("layers.0.attention.qkv");
  beginRun(run, { recipe, data, datasetHash: "cafe", initial: model });
  const begun = defineTraining(recipe, readRunInitial(run, recipe));
  for (const name of begun.parameters.keys()) assert.deepEqual(begun.initialise(name), values.get(name), name);
  assert.notDeepEqual(begun.initialise("layers.0.attention.qkv"), drawn);
});

test("of an encoder alone a run begins with what it is, and draws the head and the projection to it", () => {
  const narrow = { ...shape, embedding: { ...shape.embedding, width: 4 } };
  const encoder = withoutHead(narrow);
  const own = initialiseParameters(encoder, 7);
  const discriminator = [{ name: "discriminator.dense.bias", shape: [8], read: () => new Float32Array(8).fill(3) }];
  const parameters = listParameters(encoder).map(({ name, shape: size }) => ({
    ...{ name, shape: size },
    read: () => own.get(name)!,
  }));
  const initial: InitialModel = { ...model, shape: encoder, parameters, discriminator };
  const [data, run] = [join(folder, "data"), join(folder, "headless")];
  beginRun(run, { recipe, data, datasetHash: "cafe", initial });
  for (const head of ["tied", "transform"] as const) {
    checkInitialModel(initial, { ...narrow, head }, vocabulary);
    const headed = { ...recipe, model: { ...narrow, head } };
    const [begun, drawn] = [defineTraining(headed, readRunInitial(run, headed)), defineTraining(headed)];
    for (const name of begun.parameters.keys()) {
      assert.deepEqual(begun.initialise(name), own.get(name) ?? drawn.initialise(name), name);
    }
  }
  assert.equal(
    readRunInitial(run, { ...recipe, model: narrow })
      ?.get("discriminator.dense.bias")
      ?.read()[0],
    3,
  );
});

test("stored values that were changed are begun with by no run", () => {
  const [data, run] = [join(folder, "data"), join(folder, "changed")];
  beginRun(run, { recipe, data, datasetHash: "cafe", initial: model });
  const [path, beginning] = [join(run, "initial.safetensors"), join(run, "data.json")];
  const [bytes, text] = [readFileSync(path), readFileSync(beginning, "utf8")];
  // The last bit of the last value: the file is as valid as before.
  writeFileSync(path, bytes.with(bytes.length - 4, bytes.at(-4)! ^ 1));
  const begin = () => defineTraining(recipe, readRunInitial(run, recipe)).initialise("layers.0.attention.qkv");
  assert.throws(begin, { code: "E_CHECKPOINT_DAMAGED" });
  writeFileSync(path, bytes);
  begin();
  writeFileSync(beginning, text.replace('"initial"', '"initiaL"'));
  assert.throws(begin, { code: "E_JSON" });
  // As an earlier version began a run.
  const { hash: _, initial: __, ...earlier } = JSON.parse(text);
  writeFileSync(beginning, JSON.stringify(earlier));
  writeFileSync(path, bytes.with(bytes.length - 4, bytes.at(-4)! ^ 1));
  begin();
});

const fails = (run: () => void, code: string, message: RegExp, advice: RegExp) =>
  assert.throws(
    run,
    error =>
      error instanceof UserError && error.code === code && message.test(error.message) && advice.test(error.advice),
  );

test("another shape is refused with what to set, another vocabulary with the first other token", () => {
  checkInitialModel(model, shape, vocabulary);
  checkInitialModel(model, { ...shape, sequenceLength: 16 }, vocabulary);
  fails(
    () => checkInitialModel(model, { ...shape, width: 16, firstAttentionNorm: false }, vocabulary),
    "E_INIT_SHAPE",
    /has width 8, firstAttentionNorm true, and the recipe's width 16, firstAttentionNorm false/,
    /--set model\.width=8 --set model\.firstAttentionNorm=true/,
  );
  fails(
    () => checkInitialModel(model, shape, vocabulary.with(5, "other")),
    "E_TOKENIZER_OTHER",
    /token 5 is "token5" there and "other" here/,
    /--tokenizer other/,
  );
});
