// What pieces expect of a word against a closed form, where the word's probability is a number and where it is too small for one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { packPiece, UnigramLattice } from "./unigram-lattice.ts";

/** Words of a and b with the pieces a, b and ab of these probabilities. */
function openLattice(words: readonly string[], counts: readonly number[], shares: readonly number[]): UnigramLattice {
  const text = Uint32Array.from([...words.map(word => `${word}\0`).join("")], letter => letter.codePointAt(0)!);
  const packed: number[] = [];
  const firsts = [0];
  text.forEach((point, at) => {
    if (point !== 0) packed.push(packPiece(point === 0x61 ? 1 : 2, 1));
    if (point === 0x61 && text[at + 1] === 0x62) packed.push(packPiece(3, 2));
    firsts.push(packed.length);
  });
  const placed = { text, firsts: Uint32Array.from(firsts), packed: Uint32Array.from(packed) };
  const scores = Float64Array.from([Number.NaN, ...shares.map(Math.log)]);
  return new UnigramLattice(placed, Float64Array.from(counts), scores);
}

const [a, b, ab] = [0.3, 0.2, 0.01];

test("each of n times ab is one piece or two, by their probabilities alone, however long the word", () => {
  const asOne = ab / (ab + a * b);
  for (const times of [1, 50, 5000, 300_000]) {
    const expected = openLattice(["ab".repeat(times)], [3], [a, b, ab]).expect();
    const right = [0, 1 - asOne, 1 - asOne, asOne].map(share => 3 * times * share);
    for (const [id, value] of right.entries()) {
      assert.ok(Math.abs(expected[id]! - value) <= 1e-8 * 3 * times, `${times} times: piece ${id}: ${expected[id]}`);
    }
  }
});

test("a character whose piece went is unknown, and the others are what they were", () => {
  const lattice = openLattice(["abba", "ab"], [2, 5], [a, b, ab]);
  assert.deepEqual([...lattice.countUsed()], [0, 9, 9, 0]);
  assert.ok(lattice.isBestItself(1) && !lattice.isBestItself(3));
  assert.deepEqual(lattice.findOthers(3), [2, 1]);
  assert.equal(lattice.findOthers(1), undefined);
  lattice.keep([0, 1, 3], Float64Array.from([Number.NaN, a, ab].map(Math.log)));
  assert.deepEqual(
    [1, 2].map(id => lattice.textOf(id)),
    ["a", "ab"],
  );
  // e^-10 of the least probable is left for b, so every ab is one piece.
  assert.deepEqual([...lattice.countUsed()], [2, 2, 7]);
  const without = ab * Math.exp(-10) * a;
  const expected = lattice.expect();
  const asTwo = (7 * without) / (ab + without);
  for (const [id, value] of [2 + asTwo, 2 + asTwo, 7 - asTwo].entries()) {
    assert.ok(Math.abs(expected[id]! - value) < 1e-9, `piece ${id}: ${expected[id]}`);
  }
});
