// A model to evaluate from its folder: one of our runs and one of Hugging Face's give the same kind of thing, its hash names
// what it holds, and a tokenizer that does not fit is refused.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { UserError } from "../../src/base/errors.ts";
import { saveCheckpoint } from "../../src/checkpoint/state.ts";
import { initialiseParameters } from "../../src/model/initialise.ts";
import { listParameters } from "../../src/model/parameters.ts";
import { holdParameters, openPretrainedModel } from "../../src/pretrained/pretrained-model.ts";
import { defineLearnedTokenizer } from "../../src/tokenizer/define.ts";
import { normalisers } from "../../src/tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../../src/tokenizer/tokenizer.ts";
import { writeTokenizer } from "../../src/tokenizer/tokenizer-json.ts";
import { checkRecipe } from "../../src/train/recipe.ts";
import { beginRun, hashRecipe } from "../../src/train/run-folder.ts";

const root = mkdtempSync(join(tmpdir(), "cram-pretrained-"));
after(() => rmSync(root, { recursive: true }));

const model = { ...quickstart.model, width: 8, heads: 2, feedForward: 16, vocabulary: 12 };
const recipe = checkRecipe({ ...quickstart, model }, "test");
const words = ["the", "cat", "##s", "sat", "."];

async function saveParameters(run: string, step: number, seed: number): Promise<void> {
  const values = initialiseParameters(model, seed);
  const parameters = listParameters(model).map(({ name, shape }) => ({ name, shape, read: () => values.get(name)! }));
  const counters = {
    step,
    sequences: 0,
    elapsedSeconds: 0,
    seed,
    recipeHash: hashRecipe(recipe),
    datasetHash: "",
  } as const;
  await saveCheckpoint(run, { counters, parameters, moments: [] });
}

function writeRun(name: string, vocabulary: readonly string[]): string {
  const data = join(root, `${name}-data`);
  mkdirSync(data);
  const tokenizer = defineLearnedTokenizer([...specialTokens, ...vocabulary], normalisers["ascii-fold"], "whitespace");
  writeTokenizer(join(data, "tokenizer.json"), tokenizer);
  const run = join(root, name);
  beginRun(run, { recipe, data, datasetHash: "cafe" });
  return run;
}

test("a run gives its newest parameters, its tokenizer, and a hash of both", async () => {
  const run = writeRun("first", words);
  await saveParameters(run, 1, 5);
  const opened = holdParameters(await openPretrainedModel(run));
  assert.equal(opened.name, "first");
  assert.deepEqual(opened.shape, model);
  assert.deepEqual(
    opened.parameters.map(({ name, read }) => [name, read()]),
    [...initialiseParameters(model, 5)],
  );
  assert.deepEqual(Array.from(opened.encodeText("The cats <sep> sat.")).slice(0, 3), [7, 8, 9]);
  assert.ok(!Array.from(opened.encodeText("a <sep> b")).includes(opened.specials.separator));
  assert.equal(opened.tokenOf(opened.specials.mask), "<mask>");
  assert.equal((await openPretrainedModel(run)).hash, opened.hash);

  await saveParameters(run, 2, 6);
  const later = await openPretrainedModel(run);
  assert.notEqual(later.hash, opened.hash);
  assert.deepEqual(later.parameters[0]!.read(), initialiseParameters(model, 6).get("embedding.word"));

  // Only the newest two checkpoints are kept; what was opened stays what it was.
  await saveParameters(run, 3, 7);
  assert.deepEqual(opened.parameters[0]!.read(), initialiseParameters(model, 5).get("embedding.word"));

  const other = writeRun("other", [...words.slice(0, 4), "!"]);
  await saveParameters(other, 9, 5);
  assert.notEqual((await openPretrainedModel(other)).hash, opened.hash);
});

const fails = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof UserError && error.code === code && message.test(error.message);

test("a tokenizer with more tokens than the model, and a folder without a model, are refused", async () => {
  const run = writeRun("large", [...words, "one", "more"]);
  await saveParameters(run, 1, 5);
  await assert.rejects(openPretrainedModel(run), fails("E_TOKENIZER_OTHER", /14 tokens and the model 12/));
  await assert.rejects(openPretrainedModel(writeRun("empty", words)), fails("E_NO_CHECKPOINT", /empty/));
  await assert.rejects(openPretrainedModel(join(root, "absent")), fails("E_FILE_MISSING", /absent/));
});

test("a folder of Hugging Face's opens the same way", async () => {
  // Compiled tests run from dist/test; the golden files stay where they are.
  const golden = JSON.parse(
    readFileSync(new URL("../../../test/golden/expected/foreign-bert.json", import.meta.url), "utf8"),
  ) as {
    config: object;
    tensors: string;
  };
  const folder = join(root, "bert");
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), JSON.stringify(golden.config));
  writeFileSync(join(folder, "model.safetensors"), Buffer.from(golden.tensors, "base64"));
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat"];
  writeFileSync(join(folder, "vocab.txt"), vocabulary.join("\n"));
  const opened = await openPretrainedModel(folder);
  assert.equal(opened.name, "bert");
  assert.deepEqual(
    opened.parameters.map(({ name }) => name),
    listParameters(opened.shape).map(({ name }) => name),
  );
  assert.deepEqual(Array.from(opened.encodeText("The cat!")), [5, 6, 1]);
  assert.equal(opened.notes.length, 2);
  writeFileSync(
    join(folder, "vocab.txt"),
    [...vocabulary, ...Array.from({ length: 34 }, (_, i) => `w${i}`)].join("\n"),
  );
  await assert.rejects(openPretrainedModel(folder), fails("E_TOKENIZER_OTHER", /41 tokens and the model 40/));
});
