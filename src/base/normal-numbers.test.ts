// Normal numbers by tables are those of Math's functions to the last bit of their float32.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { writeNormals } from "./normal-numbers.ts";
import { RandomSequence, streams } from "./random.ts";

test("words at which tables alone give another float32: next to 2^32, to powers of 2, to the table's places and between them", () => {
  const around = (middle: number) => [-2, -1, 0, 1].map(offset => (middle + offset) >>> 0);
  const firsts = Array.from({ length: 32 }, (_, k) => [...around(2 ** k), ...around(2 ** 32 - 1 - 2 ** k)]).flat();
  const seconds = Array.from({ length: 512 }, (_, i) => around(i * 2 ** 23)).flat();
  const words = new Uint32Array(2 * seconds.length);
  const written = new Float32Array(words.length);
  const expected = new Float32Array(words.length);
  for (const first of firsts) {
    seconds.forEach((second, i) => {
      words.set([first, second], 2 * i);
      const radius = Math.sqrt(-2 * Math.log((first + 1) / 2 ** 32));
      const angle = (2 * Math.PI * second) / 2 ** 32;
      expected.set([0.02 * (radius * Math.cos(angle)), 0.02 * (radius * Math.sin(angle))], 2 * i);
    });
    writeNormals(written, 0, words, words.length, 0.02);
    assert.ok(Buffer.from(written.buffer).equals(Buffer.from(expected.buffer)), `first word ${first}`);
  }
});

// Hashes of what was drawn before there were tables, pair by pair by Math's functions.
for (const [seed, index, before, deviation, expected] of [
  [5, 2, 0, 0.02, "50181321e7cda28dbf7a80869ee5c2f1600c0f0ce6c6b8e4ba65bdfce352ae5a"],
  [2 ** 40 + 0x9abcdef0, 2 ** 32 + 77, 1, 1, "9d32cb37f5bb07ad8f51560b1efe313d61c4a1f748efa0d404fbc41565875a8e"],
  [0xffffffff, 0, 3, -0.3, "0d297257a0f3a3f5cda85a07a89ab289f5d1bf6485c4bdce0f25a7d7fd3fb76f"],
] as const) {
  test(`arrays around the size that is drawn at once, after ${before} words, are what they were`, () => {
    const hash = createHash("sha256");
    for (const length of [1, 2, 3, 4, 5, 6, 7, 1021, 1022, 1023, 1024, 1025, 1026, 1027, 2048, 2049, 100_003]) {
      const random = new RandomSequence(seed, streams.initialisation, index);
      for (let i = 0; i < before; i++) random.bits();
      const values = new Float32Array(length);
      random.fillNormal(values, deviation);
      hash.update(new Uint8Array(values.buffer));
      // The word behind the last.
      hash.update(Uint32Array.of(random.bits()));
    }
    assert.equal(hash.digest("hex"), expected);
  });
}
