import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { permutation, RandomSequence, streams } from "../../base/random.ts";
import { bucketOf, bucketOfFew, planEvaluationBatches, planTrainingBatches } from "./length-buckets.ts";

const lengthsOf = fc.array(fc.integer({ min: 2, max: 100 }), { minLength: 1, maxLength: 400 });
const options = { batchSequences: 16, maxLength: 100 };

test("a bucket holds its sequences and is never longer than the longest allowed", () => {
  for (let length = 1; length <= 600; length++) {
    for (const maxLength of [100, 128, 600]) {
      if (length > maxLength) continue;
      const [bucket, wide] = [bucketOf(length, maxLength), bucketOfFew(length, maxLength)];
      assert.ok(bucket >= length && wide >= bucket && wide <= maxLength);
    }
  }
});

test("an epoch of training: full batches, no example twice, only a remainder left out, lengths that fit", () => {
  fc.assert(
    fc.property(lengthsOf, fc.nat(5), fc.nat(3), (lengths, seed, epoch) => {
      const batches = planTrainingBatches(lengths, { ...options, seed, epoch });
      const members = batches.flatMap(batch => batch.members);
      assert.equal(batches.length, Math.floor(lengths.length / 16));
      assert.ok(batches.every(batch => batch.members.length === 16));
      assert.equal(new Set(members).size, members.length);
      assert.ok(batches.every(batch => batch.members.every(i => lengths[i]! <= batch.length)));
    }),
  );
});

test("evaluation: every example once, the last batch as it comes", () => {
  fc.assert(
    fc.property(lengthsOf, lengths => {
      const batches = planEvaluationBatches(lengths, options);
      const members = batches.flatMap(batch => batch.members);
      assert.deepEqual(
        members.toSorted((a, b) => a - b),
        Array.from(lengths.keys()),
      );
      assert.equal(batches.length, Math.ceil(lengths.length / 16));
    }),
  );
});

test("seed and epoch decide the order, and the remainder is another one in each epoch", () => {
  const lengths = Array.from({ length: 1000 }, (_, i) => 2 + (i % 90));
  const plan = (seed: number, epoch: number) => planTrainingBatches(lengths, { ...options, seed, epoch });
  assert.deepEqual(plan(1, 2), plan(1, 2));
  assert.notDeepEqual(plan(1, 2), plan(1, 3));
  assert.notDeepEqual(plan(1, 2), plan(2, 2));
  const leftOut = (epoch: number) => {
    const seen = new Set(plan(1, epoch).flatMap(batch => batch.members));
    return lengths.flatMap((_, i) => (seen.has(i) ? [] : [i]));
  };
  assert.equal(leftOut(0).length, 1000 % 16);
  assert.notDeepEqual(leftOut(0), leftOut(1));
});

test("batches come in no order of length", () => {
  const lengths = Array.from({ length: 512 }, (_, i) => 2 + (i % 98));
  const seen = planTrainingBatches(lengths, { ...options, seed: 3, epoch: 0 }).map(batch => batch.length);
  assert.notDeepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  assert.ok(new Set(seen).size > 4);
});

test("of lengths as GLUE's pairs have them a twelfth is padding, with as many programs as there are lengths", () => {
  const random = new RandomSequence(1, streams.sampling, 0);
  const lengths = Array.from({ length: 4096 }, () =>
    Math.max(5, Math.min(128, Math.round(40 * Math.exp(0.45 * random.normalPair()[0])))),
  );
  const batches = planTrainingBatches(lengths, { batchSequences: 16, maxLength: 128, seed: 0, epoch: 0 });
  const padded = batches.reduce((sum, { length }) => sum + 16 * length, 0);
  const share = padded / lengths.reduce((sum, length) => sum + length, 0) - 1;
  assert.ok(share > 0.05 && share < 0.1, `${share}`);
  assert.ok(new Set(batches.map(({ length }) => length)).size <= 20);
});

test("examples and batches are shuffled by permutations of their own, of which no epoch has another's", () => {
  const count = 200;
  const orderOf = (epoch: number) =>
    planTrainingBatches(new Array(count).fill(9), { batchSequences: 1, maxLength: 100, seed: 3, epoch }).map(
      ({ members }) => members[0]!,
    );
  const drawn = Array.from({ length: 8 }, (_, at) => Array.from(permutation(count, 3, streams.sequenceOrder, at)));
  for (let epoch = 0; epoch < 4; epoch++) {
    const [examples, batches] = [drawn[2 * epoch]!, drawn[2 * epoch + 1]!];
    assert.deepEqual(
      orderOf(epoch),
      batches.map(at => examples[at]),
    );
  }
});
