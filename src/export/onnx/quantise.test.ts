import assert from "node:assert/strict";
import { test } from "node:test";
import { quantise } from "./quantise.ts";

test("a scale a row or a column, the greatest value at the end of the bytes", () => {
  // By hand: 127 · 0.5 / 2 = 31.75, 127 · 1.5 / 2 = 95.25, 127 · 0.3 / 0.5 = 76.2, 127 · 0.3 / 2 = 19.05.
  const values = Float32Array.of(2, -0.5, 1.5, 0.3, 0.5, 0);
  const rows = quantise(values, [2, 3], "rows");
  assert.deepEqual([...rows.bytes], [255, 96, 223, 204, 255, 128]);
  assert.deepEqual(rows.scales, Float32Array.of(2 / 127, 0.5 / 127));
  const columns = quantise(values, [2, 3], "columns");
  assert.deepEqual([...columns.bytes], [255, 1, 255, 147, 255, 128]);
  assert.deepEqual(columns.scales, Float32Array.of(2 / 127, 0.5 / 127, 1.5 / 127));
});

test("a line of zeros stays one", () => {
  const { bytes, scales } = quantise(new Float32Array(4), [2, 2], "rows");
  assert.deepEqual([...bytes], [128, 128, 128, 128]);
  assert.ok(scales.every(scale => scale > 0));
});
