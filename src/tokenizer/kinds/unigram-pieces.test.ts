// What pieces expect of a word against a closed form, where the word's probability is a number and where it is too small for one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { UnigramPieces } from "./unigram-pieces.ts";

test("each of n times ab is one piece or two, by their probabilities alone, however long the word", () => {
  const [a, b, ab] = [0.3, 0.2, 0.01];
  const pieces = new UnigramPieces(["<unk>", "a", "b", "ab"], [Math.log(1e-9), ...[a, b, ab].map(Math.log)], 0);
  const asOne = ab / (ab + a * b);
  for (const times of [1, 50, 5000]) {
    const expected = new Float64Array(4);
    pieces.expect("ab".repeat(times), 3, expected);
    const right = [0, 1 - asOne, 1 - asOne, asOne].map(share => 3 * times * share);
    for (const [id, value] of right.entries()) {
      assert.ok(Math.abs(expected[id]! - value) <= 1e-8 * 3 * times, `${times} times: piece ${id}: ${expected[id]}`);
    }
  }
});
