import assert from "node:assert/strict";
import { test } from "node:test";
import { areEntityTags, findEntities, scoreEntities } from "./entities.ts";

const words = (text: string) => text.split(" ");

test("the published example of seqeval: one of two entities is right", () => {
  const expected = [words("O O O B-MISC I-MISC I-MISC O"), words("B-PER I-PER O")];
  const predicted = [words("O O B-MISC I-MISC I-MISC I-MISC O"), words("B-PER I-PER O")];
  // Its README: f1_score(y_true, y_pred) is 0.50.
  assert.equal(scoreEntities(predicted, expected), 0.5);
});

test("entities are those of conlleval, by hand", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["O O", []],
    ["B-PER B-PER", ["PER 0 0", "PER 1 1"]],
    ["I-PER I-PER O I-LOC", ["PER 0 1", "LOC 3 3"]],
    ["B-PER I-LOC", ["PER 0 0", "LOC 1 1"]],
    ["B-PER I-PER B-LOC I-LOC", ["PER 0 1", "LOC 2 3"]],
    ["S-PER I-PER E-PER O", ["PER 0 0", "PER 1 2"]],
    ["B-PER E-PER E-PER", ["PER 0 1", "PER 2 2"]],
    ["B-a-b I-a-b", ["a-b 0 1"]],
  ];
  for (const [tags, entities] of cases) assert.deepEqual(findEntities(words(tags)), entities, tags);
});

test("counts are summed over sentences, and nothing is 0", () => {
  // Three are there, two are found, one is right: 2 · 1 / (2 + 3).
  const expected = [words("B-PER O"), words("B-LOC I-LOC O B-LOC")];
  const predicted = [words("B-PER O"), words("B-LOC O O O")];
  assert.equal(scoreEntities(predicted, expected), 2 / 5);
  assert.equal(scoreEntities([words("O O")], [words("O O")]), 0);
});

test("parts of speech are no entities", () => {
  assert.ok(areEntityTags(["O", "B-PER", "I-PER"]));
  for (const labels of [["O"], ["NN", "VB"], ["O", "B-PER", "NN"], ["O", "I-PER"]]) {
    assert.equal(areEntityTags(labels), false, labels.join(" "));
  }
});
