import assert from "node:assert/strict";
import { test } from "node:test";
import { NormalDrawer } from "./normal-drawer.ts";
import { RandomSequence, streams } from "./random.ts";

test("several threads draw the numbers that one draws, to the bit", () => {
  const sequence = { seed: 2 ** 40 + 3, stream: streams.initialisation, index: 7, deviation: 0.02 };
  const drawer = new NormalDrawer(3);
  try {
    // Few; several times what is drawn before it is copied, and an odd rest.
    for (const length of [1001, 2 ** 20, 2 ** 22 + 2 ** 18 + 77]) {
      const expected = new Float32Array(length);
      new RandomSequence(sequence.seed, sequence.stream, sequence.index).fillNormal(expected, sequence.deviation);
      const values = new Float32Array(length);
      drawer.fill(values, sequence);
      assert.equal(Buffer.compare(Buffer.from(values.buffer), Buffer.from(expected.buffer)), 0, `${length}`);
    }
  } finally {
    drawer.close();
  }
});
