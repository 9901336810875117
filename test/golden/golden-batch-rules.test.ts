// How many micro-batches a step has under each batch rule, against a PyTorch writing of the reference's progressive batching
// (scripts/make-batch-rules.py), which keeps means and variances of whole gradients.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openReference } from "../../src/backends/reference/reference.ts";
import { input } from "../../src/graph/operations.ts";
import { createBatchEnd } from "../../src/optim/batch-end.ts";
import { type BatchRuleSettings, batchRules } from "../../src/optim/batch-rules.ts";
import { type GradientProducts, measureProducts, readProducts } from "../../src/optim/gradient-products.ts";
import { formula } from "./formula.ts";

interface Golden {
  readonly sizes: readonly number[];
  readonly most: number;
  readonly cases: readonly { readonly settings: BatchRuleSettings; readonly batches: readonly number[] }[];
}

// Compiled tests run from dist/test; the golden files stay where they are.
const path = new URL("../../../test/golden/expected/batch-rules.json", import.meta.url);
const { sizes, most, cases } = JSON.parse(readFileSync(path, "utf8")) as Golden;

/** The script's gradients of a micro-batch, by parameter. */
const gradientOf = (step: number, i: number): number[][] =>
  sizes.map((size, p) => {
    const [trend, noise] = [formula(`trend ${p}`, size), formula(`noise ${step} ${i} ${p}`, size)];
    return trend.map((value, at) => value / (1 + 0.25 * step) + 0.8 * noise[at]!);
  });

const product = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

function productsOf(gradients: readonly number[][], sums: readonly number[][]): GradientProducts {
  return {
    newest: gradients.map(g => product(g, g)),
    across: gradients.map((g, p) => product(g, sums[p]!)),
    before: sums.map(s => product(s, s)),
  };
}

for (const { settings, batches } of cases) {
  test(JSON.stringify(settings), () => {
    const end = createBatchEnd(settings, undefined);
    const seen = batches.map((_, step) => {
      let sums = sizes.map(size => new Array<number>(size).fill(0));
      for (let i = 0; ; i++) {
        const gradients = gradientOf(step, i);
        const products = productsOf(gradients, sums);
        if (end.isReached(i + 1, most, () => products)) return i + 1;
        sums = sums.map((sum, p) => sum.map((value, at) => value + gradients[p]![at]!));
      }
    });
    assert.deepEqual(seen, batches);
    assert.equal(end.leastMicroBatches, settings.monotone ? batches.at(-1) : undefined);
  });
}

test("each rule ends batches at several sizes", () => {
  for (const { name } of batchRules) {
    const sizes = new Set(cases.filter(({ settings }) => settings.name === name).flatMap(({ batches }) => batches));
    assert.ok(sizes.size > 2, `${name}: ${[...sizes]}`);
  }
});

test("a graph measures products of gradients and of the sums before them", async () => {
  const names = sizes.map((_, p) => `p${p}`);
  const [gradients, sums] = [gradientOf(3, 0), gradientOf(3, 1)];
  const inputs = (kind: string) =>
    new Map(names.map((name, p) => [name, input(`${kind}.${name}`, [sizes[p]!], "f32")]));
  const outputs = measureProducts(inputs("g"), inputs("s"));
  const given = names.flatMap((name, p) => [
    [`g.${name}`, Float32Array.from(gradients[p]!)] as const,
    [`s.${name}`, Float32Array.from(sums[p]!)] as const,
  ]);
  const loaded = await openReference().load({ outputs, updates: {} }, new Map());
  const read = readProducts(await loaded.run(Object.fromEntries(given)), names, 2);
  const expected = productsOf(gradients, sums);
  for (const kind of ["newest", "across", "before"] as const) {
    for (const [p, value] of read[kind].entries())
      assert.ok(Math.abs(4 * value - expected[kind][p]!) < 1e-6, `${kind} ${p}`);
  }
  const first = readProducts(
    await (
      await openReference().load({ outputs: measureProducts(inputs("g"), undefined), updates: {} }, new Map())
    ).run(Object.fromEntries(given)),
    names,
    2,
  );
  assert.deepEqual([first.newest, first.across, first.before], [read.newest, [0, 0, 0], [0, 0, 0]]);
});
