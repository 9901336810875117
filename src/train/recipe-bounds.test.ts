// Sizes have upper bounds everywhere: a slip of the finger, or a hostile file, is an error that names the key, the value and the
// range, and takes neither time nor memory.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import type { Backend } from "../backends/backend.ts";
import { UserError } from "../base/errors.ts";
import { listParameters } from "../model/parameters.ts";
import { openForeignModel } from "../pretrained/foreign/open-foreign-model.ts";
import { openTextReader } from "../pretrained/text-reader.ts";
import { parseBudget } from "./budget.ts";
import { checkRecipe, overrideRecipe } from "./recipe.ts";
import { allocateStates } from "./step/states.ts";
import type { TrainingDefinition } from "./step/training-definition.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-bounds-"));
after(() => rmSync(folder, { recursive: true }));

/** A UserError that says all of it, shortly and soon. */
const says =
  (...parts: readonly (string | RegExp)[]) =>
  (error: unknown) =>
    error instanceof UserError &&
    error.message.length < 600 &&
    parts.every(part =>
      typeof part === "string" ? `${error.message} ${error.advice}`.includes(part) : part.test(error.message),
    );

test("unknown keys and values are named with the nearest", () => {
  const fails = (action: () => unknown, code: string, text: string) =>
    assert.throws(action, (error: unknown) => says(text)(error) && (error as UserError).code === code);
  fails(() => overrideRecipe(crammedBert, ["model.widht=5"]), "E_RECIPE_KEY", "model.width");
  fails(() => checkRecipe({ ...crammedBert, modle: {} }, "x.json"), "E_RECIPE_KEY", "model");
  const misspelt = { ...crammedBert, model: { ...crammedBert.model, layer: 3 } };
  fails(() => checkRecipe(misspelt, "x.json"), "E_RECIPE_KEY", "model.layers");
  fails(() => overrideRecipe(crammedBert, ["model.heads=7"]), "E_RECIPE_VALUE", "multiple");
  fails(() => overrideRecipe(crammedBert, ["optimizer.clip=lots"]), "E_RECIPE_VALUE", "optimizer.clip");
  fails(() => parseBudget("soon"), "E_BUDGET", "soon");
  const few = ["objective.name=masked", "objective.candidates=0"];
  fails(() => overrideRecipe(crammedBert, few), "E_RECIPE_VALUE", "null leaves it out");
  const causal = ["objective.name=mixed", "model.embedding.neighbours=1"];
  fails(() => overrideRecipe(crammedBert, causal), "E_RECIPE_VALUE", "objective.name mixed hides");
  assert.equal(overrideRecipe(crammedBert, ["model.width=96", "train.budget=5m"]).model.width, 96);
  assert.deepEqual(parseBudget("1.5h"), { kind: "seconds", seconds: 5400 });
});

test("every number of a recipe has a range", () => {
  const numbers = Object.entries(quickstart).flatMap(([section, values]) =>
    typeof values === "object"
      ? Object.entries(values).flatMap(([key, value]) => (typeof value === "number" ? [`${section}.${key}`] : []))
      : [],
  );
  assert.ok(numbers.length > 15);
  for (const path of numbers) {
    for (const value of ["1e300", "-1e300", "1e999"]) {
      if (path === "train.seed" && value === "1e999") continue;
      assert.throws(() => overrideRecipe(quickstart, [`${path}=${value}`]), says(path), `${path}=${value}`);
    }
  }
  for (const assignment of [
    "model.layers=257",
    "model.layers=1000000",
    "model.sequenceLength=1000000000",
    "model.width=1000000000",
    "schedule.batchSequences=1000000000",
    "train.microBatchSequences=1000000000",
    "optimizer.beta1=1",
    "optimizer.beta2=1",
    "optimizer.epsilon=1e-300",
  ]) {
    const [path, value] = assignment.split("=") as [string, string];
    assert.throws(
      () => overrideRecipe(quickstart, [assignment]),
      says(path, `found ${Number(value)}`, /[<>]=?\s?\S/),
      assignment,
    );
  }
  const cap = (value: number) => overrideRecipe(quickstart, [`model.decoder.logitCap=${value}`]).model.decoder.logitCap;
  assert.throws(() => cap(1e-9), says("model.decoder.logitCap", "0, or from 0.001 on", "found 1e-9"));
  assert.deepEqual([0, 0.001, 30].map(cap), [0, 0.001, 30]);
  let deep: unknown = 1;
  for (let i = 0; i < 50_000; i++) deep = { a: deep };
  assert.throws(
    () => checkRecipe({ ...quickstart, model: { ...quickstart.model, width: deep } }, "r"),
    says("model.width"),
  );
  assert.throws(() => checkRecipe({ ...quickstart, model: "x".repeat(70_000) }, "r"), says("model"));
});

test("a config.json of absurd sizes is refused before any tensor is looked for", () => {
  const bert = {
    vocab_size: 30,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 16,
    max_position_embeddings: 16,
  };
  for (const type of ["bert", "modernbert"]) {
    for (const key of Object.keys(bert)) {
      for (const value of [1e9, Number.MAX_SAFE_INTEGER, 1e300, "x".repeat(70_000)]) {
        const model = join(folder, "config");
        mkdirSync(model, { recursive: true });
        writeFileSync(join(model, "model.safetensors"), "");
        writeFileSync(join(model, "config.json"), JSON.stringify({ model_type: type, ...bert, [key]: value }));
        assert.throws(() => openForeignModel(model), says(key, "config.json"), `${type} ${key} ${value}`);
      }
    }
  }
});

test("a tokenizer.json of other types, or with ids that no vocabulary has, is refused", async () => {
  const vocab = { "<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, a: 5, b: 6 };
  const model = { type: "BPE", vocab, merges: [], dropout: null, unk_token: null };
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    model,
  };
  const cases: Readonly<Record<string, unknown>> = {
    ...Object.fromEntries(
      ["x", 1, true, null, [], undefined].map(value => [`a model ${value}`, { ...json, model: value }]),
    ),
    ...Object.fromEntries(
      [2 ** 31, 1e300, -1, 0.5, "5", null].map(id => [
        `an id ${id}`,
        { ...json, model: { ...model, vocab: { ...vocab, é: id } } },
      ]),
    ),
    "an added id": { ...json, added_tokens: [{ id: 2 ** 31, content: "x" }] },
    "added tokens": { ...json, added_tokens: "x" },
    "a text": "x",
    nothing: null,
  };
  for (const [name, value] of Object.entries(cases)) {
    const place = join(folder, "tokenizer");
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "tokenizer.json"), JSON.stringify(value));
    await assert.rejects(openTextReader(place), says("tokenizer.json", /^(?!.*Cannot (read|use))/), name);
  }
});

test("a model that the machine cannot hold is refused before its memory is taken", () => {
  const shape = overrideRecipe(quickstart, [
    "model.width=65536",
    "model.heads=64",
    "model.layers=256",
    "train.microBatchSequences=1",
  ]);
  const backend = { name: "cpu", allocate: () => assert.fail("memory was taken") } as unknown as Backend;
  const listed = listParameters(shape.model);
  const parameters = new Map(listed.map(({ name, shape: own }) => [name, own]));
  const moments = new Map(listed.map(({ name, shape: own }) => [name, { shape: own, dtype: "f32" }]));
  assert.throws(() => allocateStates(backend, { parameters, moments } as unknown as TrainingDefinition), {
    code: "E_MEMORY",
  });
});
