import assert from "node:assert/strict";
import { test } from "node:test";
import { readHalves, roundToHalves } from "./halves.ts";

/** IEEE 754 binary16: sign, five bits of exponent, ten of fraction. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

test("every half is itself", () => {
  const halves = Array.from({ length: 65536 }, (_, half) => half).filter(half => !Number.isNaN(halfValue(half)));
  assert.deepEqual([...roundToHalves(Float32Array.from(halves, halfValue))], halves);
  assert.deepEqual([...readHalves(Uint16Array.from(halves))], halves.map(halfValue));
});

test("between two halves the nearer one is taken, from the middle the even one", () => {
  const positive = Array.from({ length: 0x7bff }, (_, half) => half);
  const middles = Float32Array.from(positive, half => (halfValue(half) + halfValue(half + 1)) / 2);
  const below = Float32Array.from(positive, half => halfValue(half) * 0.51 + halfValue(half + 1) * 0.49);
  const above = Float32Array.from(positive, half => halfValue(half) * 0.49 + halfValue(half + 1) * 0.51);
  assert.deepEqual(
    [...roundToHalves(middles)],
    positive.map(half => half + (half & 1)),
  );
  assert.deepEqual([...roundToHalves(below)], positive);
  assert.deepEqual(
    [...roundToHalves(above)],
    positive.map(half => half + 1),
  );
});

test("the largest half is 65504, and what rounds above it is infinite", () => {
  const values = Float32Array.of(65519.99, 65520, -1e30, Number.POSITIVE_INFINITY, Number.NaN, 2 ** -26);
  assert.deepEqual([...roundToHalves(values)], [0x7bff, 0x7c00, 0xfc00, 0x7c00, 0x7e00, 0]);
});
