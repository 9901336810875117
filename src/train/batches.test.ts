// What a run reads of a dataset at a position and a moment of its budget, by hand.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import { buildDataset } from "../../test/build-dataset.ts";
import { Dataset } from "../dataset/dataset.ts";
import { defineLearnedTokenizer } from "../tokenizer/define.ts";
import { encodeDocuments } from "../tokenizer/encoding/encode-threads.ts";
import { startTextLoss } from "../tokenizer/normalising/lost-text.ts";
import { normalisers } from "../tokenizer/normalising/normaliser.ts";
import { specialTokens } from "../tokenizer/tokenizer.ts";
import { openBatches } from "./batches.ts";
import { overrideRecipe } from "./recipe.ts";

const folder = mkdtempSync(join(tmpdir(), "cram-batches-"));
let dataset: Dataset;
before(async () => {
  const tokenizer = defineLearnedTokenizer([...specialTokens, "a", "b"], normalisers.bert, "bert");
  // Documents of 2, 3, … 11 words, again and again: sequences differ in how many ends they hold.
  const texts = Array.from({ length: 200 }, (_, i) => "a b ".repeat(1 + (i % 10)).trim());
  const origin = { documentsHash: "documents", originHash: "origin", loss: startTextLoss() };
  await buildDataset(folder, encodeDocuments(tokenizer, texts, 1), tokenizer, {
    sequenceLength: 32,
    holdOut: 0.2,
    seed: 1,
    ...origin,
  });
  dataset = new Dataset(folder);
});
after(() => {
  dataset.close();
  rmSync(folder, { recursive: true });
});

const open = (...set: readonly string[]) => {
  const model = ["width=16", "layers=1", "heads=2", "feedForward=32", "vocabulary=40", "sequenceLength=32"];
  const sizes = [...model.map(size => `model.${size}`), "train.microBatchSequences=2", "data.maskFraction=0.25"];
  return openBatches(dataset, overrideRecipe(quickstart, [...sizes, "optimizer.name=adamw", ...set]));
};

test("a batch is cut at the length of its moment, with tables of that length, and is another where the length is", async () => {
  const curriculum = ["schedule.sequenceLength.name=ramp", "schedule.sequenceLength.cooldown=0"];
  const source = open("model.positions=rotary", ...curriculum);
  // 32 · progress, halved: 8 until a half, 16 until the end.
  const seen = await Promise.all([0, 0.49, 0.5, 0.99, 1].map(async progress => source.training(0, 2, progress)));
  assert.deepEqual(
    seen.map(({ cut }) => cut),
    [4, 4, 2, 2, undefined],
  );
  const tableSizes = seen.map(batch => (batch.positionTable as Float32Array).length);
  assert.deepEqual(
    tableSizes.map(size => size / tableSizes[4]!),
    [1 / 4, 1 / 4, 1 / 2, 1 / 2, 1],
  );
  assert.deepEqual(source.newPrograms, [0, 0.5, 1]);
  assert.deepEqual(
    [source.isSame!(0, 0.49), source.isSame!(0.49, 0.5), source.isSame!(0.5, 0.99), source.isSame!(0.99, 1)],
    [true, false, true, false],
  );
});

test("a batch is another where as many tokens are no longer masked", async () => {
  const source = open("data.finalMaskFraction=0.125");
  // 8 of 32 tokens, in a straight line to 4: 7.5 rounds up at an eighth of the budget.
  assert.deepEqual(
    [source.isSame!(0, 0.12), source.isSame!(0.12, 0.13), source.isSame!(0.13, 0.37)],
    [true, false, true],
  );
  const predicted = async (progress: number) =>
    ((await source.training(0, 2, progress)).labels as Int32Array).filter(label => label >= 0).length;
  assert.deepEqual([await predicted(0.12), await predicted(0.13)], [16, 14]);
  assert.ok(open().isSame!(0, 1) && open().newPrograms!.join() === "0");
});

test("the layers that are left out are drawn anew for each micro-batch of a run, by seed and position alone", async () => {
  const seedOf = async (seed: number, first: number) =>
    ((await open("train.layerDrop=0.5", `train.seed=${seed}`).training(first, 2, 0)).layerSeed as Uint32Array)[0];
  const seeds = await Promise.all([seedOf(1, 0), seedOf(1, 2), seedOf(1, 4), seedOf(2, 0), seedOf(2, 2)]);
  assert.equal(new Set(seeds).size, seeds.length);
  assert.equal(await seedOf(1, 4), seeds[2]);
  assert.equal((await open().training(0, 2, 0)).layerSeed, undefined);
});

test("training reads in the recipe's order, and documents are kept apart in validation, too", async () => {
  const { separator } = dataset.tokenizer.specials;
  const { sequences } = dataset.manifest.training;
  const source = open("data.order.name=documents-first", "data.maskFraction=0.1");
  const ends: number[] = [];
  for (let first = 0; first < sequences; first++) {
    const { tokens, positions, labels } = (await source.training(first, 1, 0)) as Record<string, Int32Array>;
    positions!.forEach((place, i) => {
      tokens![place] = labels![i]!;
    });
    ends.push(tokens!.filter(token => token === separator).length);
  }
  assert.ok(ends[0]! > ends.at(-1)!);
  assert.deepEqual(
    ends,
    [...ends].sort((a, b) => b - a),
  );
  const { tokens, documents } = (await open("data.separateDocuments=true").validation(0)) as Record<string, Int32Array>;
  assert.equal(documents!.length, tokens!.length);
});
