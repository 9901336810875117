// What objectives train and are fed where a size, a token or a schedule is at the end of its range.

import assert from "node:assert/strict";
import { test } from "node:test";
import { quickstart } from "../../recipes/quickstart.ts";
import type { SequenceSource } from "../../src/objectives/objective.ts";
import { feedObjective, listTrained } from "../../src/objectives/objectives.ts";
import { mayLackPredictions } from "../../src/objectives/predictions.ts";
import { overrideRecipe } from "../../src/train/recipe.ts";

const recipeOf = (...set: readonly string[]) =>
  overrideRecipe(quickstart, [
    ...["model.width=16", "model.layers=3", "model.heads=2", "model.feedForward=32", "model.vocabulary=24"],
    ...["model.sequenceLength=8", "train.microBatchSequences=2", ...set],
  ]);

test("ELECTRA's generator has the model's embeddings where they are shared, and whole layers, rounded", () => {
  const layersOf = (names: readonly string[]) =>
    new Set(names.flatMap(name => /^generator\.layers\.(\d+)\./.exec(name)?.[1] ?? [])).size;
  for (const [share, layers] of [
    [0.5, 2],
    [0.4, 1],
    [0.1, 1],
    [1, 3],
  ] as const) {
    const set = ["model.positions=learned", "objective.name=electra", "objective.generatorWidth=0.5"];
    const listed = (...more: string[]) =>
      listTrained(recipeOf(...set, `objective.generatorLayers=${share}`, ...more)).map(({ name }) => name);
    const [shared, apart] = [listed(), listed("objective.sharedEmbeddings=false")];
    assert.equal(layersOf(shared), layers);
    const own = (names: readonly string[]) =>
      names.filter(name => /^generator\.embedding\.(word|position|norm)/.test(name)).sort();
    assert.deepEqual(own(shared), []);
    assert.deepEqual(own(apart), [
      "generator.embedding.norm.bias",
      "generator.embedding.norm.weight",
      "generator.embedding.position",
      "generator.embedding.word",
    ]);
  }
});

test("token dropping keeps what is predicted, the token 0 too, and not the places of gaps", () => {
  const tokens = Int32Array.from({ length: 16 }, (_, i) => 10 + (i % 8));
  const batch = { tokens, positions: Int32Array.of(1, 3, 9, 15), labels: Int32Array.of(0, 5, 7, -1) };
  const source: SequenceSource = {
    ...{ readMasked: () => batch, readWhole: () => batch, seed: 1, mask: 6 },
    countTokens: () => assert.fail(),
    isSpecial: token => token === 12,
  };
  const { kept } = feedObjective(source, recipeOf("objective.name=token-dropping"));
  assert.deepEqual([...(kept as Int32Array)], [0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
});

test("places may lack a prediction where their number changes, or words and protected tokens leave some over", () => {
  const plain = { unit: "tokens", masked: 0.8, random: 0.1, specials: "predicted" } as const;
  for (const [settings, may] of [
    [{}, false],
    [{ mask: plain }, false],
    [{ finalMaskFraction: 0.1 }, true],
    [{ maskSchedule: { name: "linear", warmup: 0, least: 0.1 } }, true],
    [{ mask: { ...plain, unit: "words" } }, true],
    [{ mask: { ...plain, specials: "protected" } }, true],
  ] as const) {
    assert.equal(mayLackPredictions({ maskFraction: 0.25, ...settings }), may, JSON.stringify(settings));
  }
});
