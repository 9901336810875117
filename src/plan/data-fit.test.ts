import assert from "node:assert/strict";
import { test } from "node:test";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedMini } from "../../recipes/crammed-mini.ts";
import { crammedSmall64k } from "../../recipes/crammed-small.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { createRepetitionWatch, describeBatch, describeFit } from "./data-fit.ts";

const validation = { sequences: 10_000 };

test("a recipe that is not the dataset's, and a vocabulary that leaves rows unused, are told", () => {
  const seen = (recipe: string | undefined, vocabulary: number) =>
    describeFit({ recipe, vocabulary, validation }, crammedBert, ["crammed-bert", "quickstart"]).join("\n");
  assert.equal(seen("crammed-bert", 32768), "");
  assert.equal(seen(undefined, 20000), "");
  assert.match(seen("quickstart", 32768), /prepared for the recipe quickstart, and this is crammed-bert/);
  assert.match(seen("quickstart", 4096), /recipe quickstart.*\n.*32,768 tokens .* 4,096.*--set model\.vocabulary=4096/);
  const own = { ...crammedBert, name: "mine" };
  assert.deepEqual(
    describeFit({ recipe: "quickstart", vocabulary: 32768, validation }, own, ["crammed-bert", "quickstart"]),
    [],
  );
});

test("the vocabulary that is advised is one that the recipe can have: candidates that it has not are left out with it", () => {
  for (const recipe of [crammedMini, crammedSmall64k]) {
    for (const vocabulary of [40, 310, 700, 2048, 4000]) {
      const told = describeFit({ vocabulary, validation }, recipe, []).join("\n");
      const advised = [...told.matchAll(/--set (\S+)/g)].map(([, pair]) => pair!);
      assert.ok(advised.includes(`model.vocabulary=${vocabulary}`), told);
      assert.equal(overrideRecipe(recipe, advised).model.vocabulary, vocabulary);
    }
  }
});

test("a batch and a validation that the micro-batch makes others than the recipe's are told", () => {
  const sized = (microBatchSequences: number, batchSequences: number, validationSequences: number) => ({
    ...crammedBert,
    data: { ...crammedBert.data, validationSequences },
    schedule: { ...crammedBert.schedule, batchSequences },
    train: { ...crammedBert.train, microBatchSequences },
  });
  assert.equal(describeBatch(sized(16, 64, 256)), undefined);
  assert.match(describeBatch(sized(64, 16, 256))!, /batch of 16 .* micro-batches of 64: 64 sequences are read instead/);
  assert.match(describeBatch(sized(7, 16, 256))!, /21 sequences/);
  const validated = (size: number, heldOut: number) =>
    describeFit({ vocabulary: 32768, validation: { sequences: heldOut } }, sized(size, 64, 256), []);
  assert.deepEqual(validated(16, 1000), []);
  assert.deepEqual(validated(16, 260), [], "of 256");
  assert.deepEqual(validated(16, 255), [], "240 of them");
  assert.match(validated(16, 26)[0]!, /reads 16 of the 26 held-out sequences: whole micro-batches of 16/);
  assert.match(validated(64, 26)[0]!, /repeats the 26 held-out sequences to fill a micro-batch of 64/);
});

test("data that will be read more than 40 times is told once, as soon as the speed is known", () => {
  const step = (number: number, progress: number, epochsSoFar: number) => ({
    step: number,
    progress,
    tokens: epochsSoFar * 100 * crammedBert.model.sequenceLength,
  });
  const watch = createRepetitionWatch(100, crammedBert);
  assert.equal(watch(step(1, 0.001, 0.9)), undefined, "the first steps tell nothing");
  assert.equal(watch(step(20, 0.1, 3.9)), undefined, "39 times");
  assert.match(watch(step(21, 0.1, 4.2))!, /read 42\.0 times/);
  assert.equal(watch(step(22, 0.1, 4.3)), undefined);
  assert.match(createRepetitionWatch(100, crammedBert)(step(2, 1, 50))!, /50\.0 times/, "a short run, at its end");
});
