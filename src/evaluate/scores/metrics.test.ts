import assert from "node:assert/strict";
import { test } from "node:test";
import { computeMetric } from "./metrics.ts";

// Numbers by hand; test/golden/golden-metrics.test.ts has those of the libraries.

test("MultiRC: F1 over all answers, exact over questions", () => {
  // q1: answers 1 0 right; q2: one of three wrong; q3: right. Positives: 4 there, 3 predicted, 3 right.
  const targets = [1, 0, 1, 1, 0, 1];
  const predictions = [1, 0, 1, 0, 0, 1];
  const groups = ["q1", "q1", "q2", "q2", "q2", "q3"];
  assert.equal(computeMetric("f1", predictions, targets, groups), 6 / 7);
  assert.equal(computeMetric("group-exact", predictions, targets, groups), 2 / 3);
  assert.equal(computeMetric("group-exact", predictions, targets), 5 / 6);
});

test("F1 is that of class 1, whatever other classes there are", () => {
  assert.equal(computeMetric("f1", [1, 2, 0, 1], [1, 0, 2, 2]), 2 / 3);
});

test("ties share the mean of their ranks", () => {
  // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5.
  assert.ok(Math.abs(computeMetric("spearman", [1, 2, 2, 9], [10, 20, 30, 40]) - 4.5 / Math.sqrt(22.5)) < 1e-12);
});

test("lists of different lengths are refused", () => {
  assert.throws(() => computeMetric("accuracy", [1], [1, 0]), /1 predictions, 2 targets/);
  assert.throws(() => computeMetric("f1", [1], [1], ["a", "b"]), /2 groups/);
});
