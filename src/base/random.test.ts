import assert from "node:assert/strict";
import { test } from "node:test";
import { permutation, philox, RandomSequence, streams } from "./random.ts";

// Known-answer vectors of the Random123 distribution, kat_vectors, philox4x32 10.
const knownAnswers: [number[], number[], number[]][] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test("philox gives the published known answers", () => {
  const out = new Uint32Array(4);
  for (const [counter, key, expected] of knownAnswers) {
    philox(counter, key, out);
    assert.deepEqual([...out], expected);
  }
});

test("a sequence depends on seed, stream and index, and on nothing else", () => {
  const draw = (seed: number, stream: 1 | 2, index: number) => new RandomSequence(seed, stream, index).bits();
  assert.equal(draw(7, 1, 3), draw(7, 1, 3));
  assert.equal(new Set([draw(7, 1, 3), draw(8, 1, 3), draw(7, 2, 3), draw(7, 1, 4)]).size, 4);
});

test("normal numbers have mean 0 and variance 1 (bounds at 6 sigma)", () => {
  const random = new RandomSequence(1, streams.initialisation, 0);
  const count = 100_000;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count / 2; i++) {
    for (const value of random.normalPair()) {
      sum += value;
      squares += value * value;
    }
  }
  assert.ok(Math.abs(sum / count) < 6 / Math.sqrt(count));
  assert.ok(Math.abs(squares / count - 1) < 6 * Math.sqrt(2 / count));
});

test("an array is filled with the normal numbers of pairs, an odd one too", () => {
  for (const length of [6, 7]) {
    const pairs = new RandomSequence(5, streams.initialisation, 2);
    const expected = Array.from({ length: 4 }, () => pairs.normalPair()).flat();
    const filled = new Float32Array(length);
    new RandomSequence(5, streams.initialisation, 2).fillNormal(filled, 0.5);
    assert.deepEqual(
      filled,
      Float32Array.from(expected.slice(0, length), value => 0.5 * value),
    );
  }
});

test("a permutation holds every index once and differs between indices", () => {
  const first = permutation(1000, 5, streams.sequenceOrder, 0);
  assert.deepEqual(
    [...first].sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.notDeepEqual(first, permutation(1000, 5, streams.sequenceOrder, 1));
});

test("a number below a limit is the first word of a whole range, by its remainder", () => {
  for (const limit of [1, 7, 8192, 2 ** 31 + 1, 3 * 2 ** 30, 2 ** 32 - 1, 2 ** 32]) {
    const [drawn, words] = [0, 0].map(() => new RandomSequence(11, streams.sampling, limit)) as [
      RandomSequence,
      RandomSequence,
    ];
    const whole = (2n ** 32n / BigInt(limit)) * BigInt(limit);
    for (let i = 0; i < 500; i++) {
      let word = BigInt(words.bits());
      while (word >= whole) word = BigInt(words.bits());
      assert.equal(drawn.below(limit), Number(word % BigInt(limit)), `${i} below ${limit}`);
    }
  }
});
