import assert from "node:assert/strict";
import { test } from "node:test";
import { countConfusion, formatConfusion } from "./confusion.ts";

const labels = ["entailment", "neutral", "no"];
const confusion = countConfusion(labels, [0, 0, 1, 1, 1, 0, 2], [0, 0, 0, 1, 1, 1, 1]);

test("counts by target and prediction", () => {
  assert.deepEqual(confusion, {
    labels,
    counts: [
      [2, 1, 0],
      [1, 2, 1],
      [0, 0, 0],
    ],
  });
});

test("the table for people", () => {
  assert.equal(
    formatConfusion(confusion),
    [
      "is, predicted  entailment  neutral  no   right",
      "entailment              2        1   0  66.7 %",
      "neutral                 1        2   1  50.0 %",
      "no                      0        0   0",
    ].join("\n"),
  );
});

test("a class that is none, and a prediction that is missing, are refused", () => {
  assert.throws(() => countConfusion(labels, [3], [0]), /example 0 is 0, predicted 3, of 3 classes/);
  assert.throws(() => countConfusion(labels, [0], [3]), /example 0/);
  assert.throws(() => countConfusion(labels, [0], [0, 1]), /example 1 is 1, predicted undefined/);
});
