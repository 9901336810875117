// Sizes by hand: what batch and length give, and what they do not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { input, reshape, slice } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { alignGraphs, sizeKey } from "./aligned-graph.ts";

const flat = (size: number): Tensor => input("x", [size], "f32");

test("a size is the polynomial in batch and length that it is, and so is where a slice starts", () => {
  const build = (batch: number, length: number) => {
    const whole = reshape(flat(3 * batch * length + 2 * batch), [batch, 3 * length + 2]);
    return { cut: slice(whole, 1, length - 1, 2 * length) };
  };
  const { outputs, shapeOf, numbersOf } = alignGraphs(build, 64);
  const { cut } = outputs as { cut: Tensor };
  // constant, batch, length, both.
  assert.deepEqual(shapeOf(cut).map(sizeKey), ["0 1 0 0", "1 0 1 0"]);
  assert.deepEqual(numbersOf(cut).map(sizeKey), ["0 0 0 0", "-1 0 1 0"]);
  assert.deepEqual(shapeOf(cut.inputs[0]!.inputs[0]!).map(sizeKey), ["0 2 0 3"]);
});

for (const [name, size] of [
  ["the square of the length", (_: number, length: number) => length ** 2],
  ["the square of the batch", (batch: number) => batch ** 2],
  ["the smaller of the length and a limit", (_: number, length: number) => Math.min(length, 8)],
  ["half of the length", (_: number, length: number) => length >> 1],
] as const) {
  test(`refused: ${name}, at every longest length`, () => {
    for (const longest of [8, 64]) {
      if (longest === 8 && name.startsWith("the smaller")) continue;
      const align = () => alignGraphs((batch, length) => ({ x: flat(size(batch, length)) }), longest);
      assert.throws(align, {
        code: "E_EXPORT_FORMAT",
        message: /a size that batch and length do not give \(of input\)/,
      });
    }
  });
}

test("refused: another operation at another length", () => {
  const build = (_: number, length: number) => ({
    x: length > 6 ? slice(flat(length), 0, 0, length - 1) : flat(length),
  });
  assert.throws(() => alignGraphs(build, 64), { code: "E_EXPORT_FORMAT", message: /other operations/ });
});
