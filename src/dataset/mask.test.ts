import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomSequence, streams } from "../base/random.ts";
import { maskSequence } from "./mask.ts";
import { plainMask } from "./mask-units.ts";

const length = 128;
const predictions = 32;
const mask = 6;
const vocabulary = 5000;

/** Masks 1000, 1001, … so that what stood at a place is known. */
function maskOnce(position: number) {
  const tokens = Int32Array.from({ length: 2 * length }, (_, i) => 1000 + i);
  const positions = new Int32Array(2 * predictions);
  const labels = new Int32Array(2 * predictions);
  const random = new RandomSequence(5, streams.masking, position);
  const options = {
    ...{ predictions, capacity: predictions, mask, vocabulary, settings: plainMask },
    isSpecial: () => false,
    continuesWord: () => false,
  };
  maskSequence(tokens, length, length, positions, labels, predictions, options, random);
  return { tokens, positions: positions.subarray(predictions), labels: labels.subarray(predictions) };
}

test("exactly 25 % of the places are predicted: 26 masked, 3 random, 3 kept, of 32", () => {
  for (let position = 0; position < 200; position++) {
    const { tokens, positions, labels } = maskOnce(position);
    assert.equal(new Set(positions).size, predictions);
    assert.deepEqual(
      [...positions],
      [...positions].sort((a, b) => a - b),
    );
    assert.ok(positions.every(place => place >= length && place < 2 * length));
    assert.deepEqual(
      [...labels],
      [...positions].map(place => 1000 + place),
    );
    const shown = [...positions].map(place => tokens[place]!);
    assert.equal(shown.filter(token => token === mask).length, 26);
    const kept = shown.filter((token, i) => token === labels[i]).length;
    // A random token is the old one by chance once in 5000.
    assert.ok(kept === 3 || kept === 4, `${kept} kept`);
    const predicted = new Set(positions);
    assert.ok(tokens.every((token, i) => predicted.has(i) || token === 1000 + i));
  }
});

test("every place is as likely as any other, in every role (6 sigma over 4000 sequences)", () => {
  const count = 4000;
  const chosen = new Float64Array(length);
  const masked = new Float64Array(length);
  const drawn: number[] = [];
  for (let position = 0; position < count; position++) {
    const { tokens, positions, labels } = maskOnce(position);
    positions.forEach((place, i) => {
      chosen[place - length]! += 1;
      if (tokens[place] === mask) masked[place - length]! += 1;
      else if (tokens[place] !== labels[i]) drawn.push(tokens[place]!);
    });
  }
  const within = (counts: Float64Array, odds: number) => {
    const sigma = Math.sqrt(count * odds * (1 - odds));
    for (const times of counts) assert.ok(Math.abs(times - count * odds) < 6 * sigma, `${times} of ${count * odds}`);
  };
  within(chosen, predictions / length);
  within(masked, 26 / length);
  // Random tokens are uniform over the vocabulary: their mean, and both ends reached.
  const mean = drawn.reduce((sum, token) => sum + token, 0) / drawn.length;
  const sigma = vocabulary / Math.sqrt(12 * drawn.length);
  assert.ok(Math.abs(mean - (vocabulary - 1) / 2) < 6 * sigma);
  assert.ok(Math.min(...drawn) < 20 && Math.max(...drawn) > vocabulary - 20);
});

test("masks are drawn anew at each position of a run, and are the same for the same one", () => {
  assert.deepEqual(maskOnce(3), maskOnce(3));
  assert.notDeepEqual(maskOnce(3).positions, maskOnce(4).positions);
});
