import assert from "node:assert/strict";
import { test } from "node:test";
import { bootstrapExamples, bootstrapSeeds, quantileOf } from "./bootstrap.ts";

const options = { seed: 3, resamples: 4000 };

test("the interval of an accuracy is that of its binomial distribution", () => {
  // scipy.stats.binom.ppf([0.025, 0.975], 100, 0.7) is [61, 79]; ([0.05, 0.95], 400, 0.9) is [350, 370].
  for (const [examples, right, level, low, high] of [
    [100, 70, 0.95, 0.61, 0.79],
    [400, 360, 0.9, 0.875, 0.925],
  ] as const) {
    const targets = Array.from({ length: examples }, (_, i) => (i < right ? 1 : 0));
    const predictions = targets.map(() => 1);
    const interval = bootstrapExamples("accuracy", { predictions, targets }, { ...options, level });
    // A quantile between two steps of a distribution that is a staircase may fall on either.
    assert.ok(Math.abs(interval.low - low) <= 1.001 / examples, `${interval.low}, not ${low}`);
    assert.ok(Math.abs(interval.high - high) <= 1.001 / examples, `${interval.high}, not ${high}`);
  }
});

test("the interval is a function of the seed", () => {
  const targets = Array.from({ length: 97 }, (_, i) => Math.sin(i));
  const predictions = targets.map((value, i) => value + Math.cos(7 * i));
  const draw = (seed: number) => bootstrapExamples("pearson", { predictions, targets }, { seed, resamples: 50 });
  assert.deepEqual(draw(1), draw(1));
  assert.notDeepEqual(draw(1), draw(2));
});

test("groups are drawn whole", () => {
  const targets = Array.from({ length: 60 }, (_, i) => i % 2);
  const predictions = targets.map((target, i) => (i % 3 === 0 ? 1 - target : target));
  const double = (values: readonly number[]) => values.flatMap(value => [value, value]);
  const groups = double(targets.map((_, i) => i)).map(i => `q${i}`);
  const doubled = { predictions: double(predictions), targets: double(targets) };
  const plain = bootstrapExamples("f1", { predictions, targets }, options);
  // Every example twice, in pairs that stay together, is no more evidence than once.
  assert.deepEqual(bootstrapExamples("f1", { ...doubled, groups }, options), plain);
  const apart = bootstrapExamples("f1", doubled, options);
  assert.ok(apart.high - apart.low < 0.85 * (plain.high - plain.low));
});

test("a group that is drawn twice counts twice", () => {
  // Three groups, one exact: a third of each draw is right on average. Right are 0, 1, 2 and 3 of 3 in 8, 12, 6 and 1 of 27
  // equally likely draws, so the middle 60 % lie between 0 and 2 of 3. Were equal draws merged, it would be ½ in place of ⅔.
  const groups = ["a", "a", "b", "c"];
  const scored = { predictions: [1, 1, 0, 0], targets: [1, 1, 1, 1], groups };
  const at = (level: number) => bootstrapExamples("group-exact", scored, { ...options, level });
  assert.deepEqual(at(0.3), { low: 1 / 3, high: 1 / 3 });
  assert.deepEqual(at(0.6), { low: 0, high: 2 / 3 });
  assert.deepEqual(bootstrapExamples("group-exact", { ...scored, predictions: [1, 0, 0, 0] }, options), {
    low: 0,
    high: 0,
  });
});

test("draws without a score are left out; no score at all is NaN", () => {
  // Of four draws of two numbers two are constant, and the others correlate perfectly.
  const two = { predictions: [1, 2], targets: [3, 5] };
  assert.deepEqual(bootstrapExamples("pearson", two, options), { low: 1, high: 1 });
  const constant = { predictions: [1, 1, 1], targets: [1, 2, 3] };
  assert.deepEqual(bootstrapExamples("pearson", constant, options), { low: Number.NaN, high: Number.NaN });
  assert.deepEqual(bootstrapExamples("accuracy", { predictions: [], targets: [] }, options), {
    low: Number.NaN,
    high: Number.NaN,
  });
});

test("seeds: the median, the extremes, and the interval of all resamples", () => {
  const scores = [0.62, 0.57, 0.66, 0.58, 0.61];
  // Every one of the 5⁵ equally likely resamples, instead of a random part of them.
  const medians = Array.from({ length: 5 ** 5 }, (_, code) => {
    const drawn = Array.from({ length: 5 }, (_, digit) => scores[Math.floor(code / 5 ** digit) % 5]!);
    return drawn.sort((a, b) => a - b)[2]!;
  }).sort((a, b) => a - b);
  const spread = bootstrapSeeds(scores, { ...options, level: 0.9 });
  assert.deepEqual(spread, {
    median: 0.61,
    minimum: 0.57,
    maximum: 0.66,
    low: quantileOf(medians, 0.05),
    high: quantileOf(medians, 0.95),
  });
  assert.equal(bootstrapSeeds([1, 4, 2, 3], options).median, 2.5);
  assert.deepEqual(bootstrapSeeds([0.5], options), { median: 0.5, minimum: 0.5, maximum: 0.5, low: 0.5, high: 0.5 });
});

test("seeds: one that has no score leaves none", () => {
  const none = { median: Number.NaN, minimum: Number.NaN, maximum: Number.NaN, low: Number.NaN, high: Number.NaN };
  assert.deepEqual(bootstrapSeeds([0.5, Number.NaN], options), none);
  assert.deepEqual(bootstrapSeeds([], options), none);
});
