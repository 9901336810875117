import assert from "node:assert/strict";
import { test } from "node:test";
import { countTrainingFlops, leaveRead, listParameters } from "./parameters.ts";
import { completeShape, type ShapeSettings, withoutHead } from "./shape.ts";

const sizes = { width: 8, layers: 2, heads: 1, feedForward: 16, vocabulary: 20, sequenceLength: 4 };
const [C, L, F, V, S] = [8, 2, 16, 20, 4] as const;
const mlp = C * F + (F / 2) * C;
const attention = C * 3 * C + C * C + 2 * S * C;
const fourier = C * 2 * C + 2 * S * C;

/** Multiplications and additions of products in the body of one token, by hand; the head's are V · C at a quarter of the places. */
const bodies: readonly (readonly [settings: Partial<ShapeSettings>, body: number])[] = [
  [{}, L * (attention + mlp)],
  [{ mixer: { name: "attention", headWidth: 6 } }, L * (C * 18 + 6 * C + 2 * S * 6 + mlp)],
  [{ mixer: { name: "fourier" } }, L * (fourier + mlp)],
  [{ mixer: { name: "fourier", attentionLayers: 1 } }, fourier + attention + L * mlp],
  [{ mixer: { name: "identity" } }, L * mlp],
  [
    { mixer: { name: "gated-unit", expansion: 2, queryWidth: 3 } },
    L * (C * (2 * 2 * C + 3) + 2 * C * C + S * (3 + 2 * C) + mlp),
  ],
  [{ activation: "relu" }, L * (attention + 2 * C * F)],
  [{ feedForwardEvery: 2 }, L * attention + mlp],
  // Layer 0 pools its queries and what goes on, layer 1 mixes two rows and puts out four.
  [
    { strides: [2, 1] },
    3 * C * C + (2 * S * C) / 2 + (C * C + mlp) / 2 + (3 * C * C) / 2 + (2 * (S / 2) * C) / 2 + C * C + mlp,
  ],
  [{ repeats: 3 }, 3 * L * (attention + mlp)],
];

for (const [settings, body] of bodies) {
  test(`products of ${JSON.stringify(settings)} are counted`, () => {
    const shape = completeShape({ ...sizes, positions: "learned", ...settings });
    assert.equal(countTrainingFlops(shape, 0.25, leaveRead(shape, 1)), 6 * (body + 0.25 * V * C));
  });
}

test("a narrow embedding costs its projections, and a narrower decoder", () => {
  const shape = completeShape({ ...sizes, positions: "learned", embedding: { width: 4 } });
  const body = 4 * C + L * (attention + mlp);
  assert.equal(countTrainingFlops(shape, 0.25, leaveRead(shape, 1)), 6 * (body + 0.25 * (C * 4 + V * 4)));
});

test("an encoder alone has no projection to a decoder", () => {
  for (const head of ["tied", "transform"] as const) {
    const shape = completeShape({ ...sizes, positions: "learned", embedding: { width: 4 }, head });
    const names = listParameters(withoutHead(shape)).map(({ name }) => name);
    assert.deepEqual(
      [names.includes("embedding.projection"), names.filter(name => name.startsWith("head."))],
      [true, []],
    );
  }
});
