// Units of masks by what their papers say of them, and by statistics with bounds of six standard errors.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomSequence, streams } from "../base/random.ts";
import { maskSequence } from "./mask.ts";
import { drawSpanLength, type MaskSettings, maskSchema } from "./mask-units.ts";

const length = 60;
const vocabulary = 5000;
const mask = 6;
const separator = 5;

/** Tokens 1000, 1001, …: words of 1, 2, 3, 1, 2, 3, … tokens; a separator at 20 and at 41, each a word. */
const wordOf = new Int32Array(length);
const tokensOf = Int32Array.from({ length }, (_, i) => (i === 20 || i === 41 ? separator : 1000 + i));
const isStart = (i: number) => i === 0 || wordOf[i] !== wordOf[i - 1];
for (let i = 0, word = 0, left = 1, size = 1; i < length; i++) {
  const cut = i === 20 || i === 21 || i === 41 || i === 42;
  if (i > 0 && (left === 0 || cut)) {
    word += 1;
    size = (size % 3) + 1;
    left = size;
  }
  wordOf[i] = word;
  left -= 1;
}

function maskOnce(settings: MaskSettings, predictions: number, index: number, capacity = predictions) {
  const tokens = tokensOf.slice();
  const positions = new Int32Array(capacity);
  const labels = new Int32Array(capacity);
  const options = {
    ...{ predictions, capacity, mask, vocabulary, settings },
    isSpecial: (token: number) => token === separator,
    continuesWord: (_: number, token: number) => token >= 1000 && !isStart(token - 1000),
  };
  maskSequence(tokens, 0, length, positions, labels, 0, options, new RandomSequence(9, streams.masking, index));
  const places = [...positions].filter((_, i) => labels[i]! >= 0);
  // Those of gaps, too: programs read rows in this order.
  assert.deepEqual(
    [...positions],
    [...positions].sort((a, b) => a - b),
  );
  return { tokens, places, labels: [...labels].slice(0, places.length), gaps: capacity - places.length };
}

const within = (seen: number, count: number, odds: number, what: string) => {
  const sigma = Math.sqrt(count * odds * (1 - odds));
  assert.ok(
    Math.abs(seen - count * odds) <= 6 * sigma,
    `${what}: ${seen} of ${count}, expected ${count * odds} ± ${sigma}`,
  );
};

test("lengths of spans are geometric up to the longest, and SpanBERT's are 3.8 words in the mean", () => {
  const count = 40_000;
  const random = new RandomSequence(1, streams.masking, 0);
  const seen = new Float64Array(11);
  for (let i = 0; i < count; i++) seen[drawSpanLength(0.2, 10, random)]! += 1;
  // P(n) = 0.2 · 0.8^(n-1), given n ≤ 10.
  const odds = Array.from({ length: 11 }, (_, n) => (n === 0 ? 0 : (0.2 * 0.8 ** (n - 1)) / (1 - 0.8 ** 10)));
  for (let n = 0; n <= 10; n++) within(seen[n]!, count, odds[n]!, `length ${n}`);
  const mean = seen.reduce((sum, times, n) => sum + times * n, 0) / count;
  assert.equal(mean.toFixed(1), "3.8");
  assert.equal(drawSpanLength(1, 10, random), 1);
  // In the limit every length is as likely, however close to it: 1 - 1e-17 is 1, and its logarithm none to divide by.
  for (const spanEnd of [1e-6, 1e-15, 2 ** -53, 1e-17, 1e-300]) {
    const lengths = new Float64Array(12);
    for (let i = 0; i < count; i++) lengths[drawSpanLength(spanEnd, 10, random)]! += 1;
    for (let n = 0; n <= 11; n++) within(lengths[n]!, count, n === 0 || n === 11 ? 0 : 0.1, `${spanEnd}, length ${n}`);
  }
});

test("spans are exactly as many places as asked for, of words that are whole but for the last", () => {
  const settings = maskSchema.parse({ unit: "spans" });
  let [cutWords, shownMask, shownItself, total] = [0, 0, 0, 0];
  for (let index = 0; index < 2000; index++) {
    const { places, tokens, labels, gaps } = maskOnce(settings, 15, index);
    assert.equal(gaps, 0);
    assert.equal(new Set(places).size, 15);
    const chosen = new Set(places);
    const partly = new Set(places.map(place => wordOf[place]!));
    cutWords += [...partly].filter(word => wordOf.some((of, i) => of === word && !chosen.has(i))).length;
    places.forEach((place, i) => {
      total += 1;
      if (tokens[place] === mask) shownMask += 1;
      else if (tokens[place] === labels[i]) shownItself += 1;
    });
  }
  // Only the span that fills the number is cut.
  assert.ok(cutWords > 200 && cutWords <= 2000, `${cutWords}`);
  // A span shows one kind, so places are no independent draws: a bound of 3 % in place of six standard errors.
  assert.ok(Math.abs(shownMask / total - 0.8) < 0.03, `${shownMask / total}`);
  assert.ok(Math.abs(shownItself / total - 0.1) < 0.03, `${shownItself / total}`);
});

test("neighbours are predicted together far more often in spans than by tokens", () => {
  const countPairs = (settings: MaskSettings) => {
    let pairs = 0;
    for (let index = 0; index < 500; index++) {
      const { places } = maskOnce(settings, 15, index);
      pairs += places.filter((place, i) => places[i + 1] === place + 1).length;
    }
    return pairs / 500;
  };
  // Of 15 places of 60 by themselves, 15 · 14 / 60 follow each other: 3.5.
  assert.ok(Math.abs(countPairs(maskSchema.parse({ unit: "tokens" })) - 3.5) < 0.5);
  assert.ok(countPairs(maskSchema.parse({ unit: "spans" })) > 9);
});

test("words are masked whole or not at all, and what they show is drawn for each token", () => {
  const settings = maskSchema.parse({ unit: "words" });
  let [shownMask, shownItself, total, mixed] = [0, 0, 0, 0];
  for (let index = 0; index < 2000; index++) {
    const { places, tokens, labels, gaps } = maskOnce(settings, 15, index);
    // The next word always fits but where fewer places are left than it has.
    assert.ok(gaps <= 2, `${gaps} gaps`);
    const chosen = new Set(places);
    const leftOut = [...wordOf.keys()].filter(i => isStart(i) && !chosen.has(i)).map(i => wordOf[i]!);
    assert.ok(
      leftOut.every(word => wordOf.filter(other => other === word).length > gaps),
      "a word that would have fitted",
    );
    for (const word of new Set(places.map(place => wordOf[place]!))) {
      const whole = [...wordOf.keys()].filter(i => wordOf[i] === word);
      assert.ok(
        whole.every(i => chosen.has(i)),
        `word ${word} in part`,
      );
      if (new Set(whole.map(i => tokens[i] === mask)).size > 1) mixed += 1;
    }
    places.forEach((place, i) => {
      total += 1;
      if (tokens[place] === mask) shownMask += 1;
      else if (tokens[place] === labels[i]) shownItself += 1;
    });
  }
  within(shownMask, total, 0.8, "masks");
  within(shownItself, total, 0.1 + 0.1 / vocabulary, "themselves");
  assert.ok(mixed > 100);
});

test("protected special tokens are never predicted, and the others are as often as ever", () => {
  for (const unit of ["tokens", "words", "spans"] as const) {
    const counts = { predicted: 0, protected: 0 };
    for (const specials of ["predicted", "protected"] as const) {
      const settings = maskSchema.parse({ unit, specials });
      for (let index = 0; index < 500; index++) {
        counts[specials] += maskOnce(settings, 15, index).labels.filter(label => label === separator).length;
      }
    }
    assert.ok(counts.predicted > 100, `${unit}: ${counts.predicted}`);
    assert.equal(counts.protected, 0, unit);
  }
});

test("another split is exact by tokens: all masks, or none", () => {
  const all = maskOnce(maskSchema.parse({ unit: "tokens", masked: 1, random: 0 }), 20, 0);
  assert.ok(all.places.every(place => all.tokens[place] === mask));
  const none = maskOnce(maskSchema.parse({ unit: "tokens", masked: 0, random: 0.5 }), 20, 0);
  assert.equal(none.places.filter((place, i) => none.tokens[place] === none.labels[i]).length, 10);
  assert.ok(none.tokens.every(token => token !== mask));
});

test("places that are left over have no label", () => {
  const { places, gaps } = maskOnce(maskSchema.parse({ unit: "tokens" }), 9, 0, 15);
  assert.equal(places.length, 9);
  assert.equal(gaps, 6);
  const few = maskOnce(maskSchema.parse({ unit: "spans", specials: "protected" }), 60, 0);
  assert.equal(few.gaps, 2);
});
