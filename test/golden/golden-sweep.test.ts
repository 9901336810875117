// What sweeps compute, against SciPy and NumPy (scripts/make-sweep.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { adjustForMany, compareMeans, comparePairs } from "../../src/sweep/comparison.ts";
import { explainLosses, measureImportances } from "../../src/sweep/importance.ts";
import { drawSobolPoint } from "../../src/sweep/sobol.ts";

interface Expected {
  readonly sobol: readonly (readonly number[])[];
  readonly pairs: readonly {
    readonly own: readonly number[];
    readonly base: readonly number[];
    readonly welch: readonly number[];
    readonly paired?: readonly number[];
  }[];
  readonly many: { readonly p: readonly number[]; readonly adjusted: readonly number[] };
  readonly search: {
    readonly rates: readonly number[];
    readonly layers: readonly number[];
    readonly names: readonly string[];
    readonly losses: readonly number[];
    readonly explained: readonly number[];
  };
}

const path = new URL("../../../test/golden/expected/sweep.json", import.meta.url);
const expected = JSON.parse(readFileSync(path, "utf8")) as Expected;

/** jstat's quantiles have eight digits. */
const checkNear = (seen: readonly number[], wanted: readonly number[]) => {
  assert.equal(seen.length, wanted.length);
  for (const [i, value] of seen.entries()) assert.ok(Math.abs(value - wanted[i]!) < 1e-7, `${value}, not ${wanted[i]}`);
};

test("Sobol's points are SciPy's, which come in the order of Gray's code", () => {
  for (const [i, point] of expected.sobol.entries()) assert.deepEqual(drawSobolPoint(i ^ (i >> 1), 10), point);
});

test("t-tests and their intervals are SciPy's", () => {
  for (const { own, base, welch, paired } of expected.pairs) {
    const unpaired = compareMeans(own, base);
    checkNear([unpaired.p, unpaired.low, unpaired.high], welch);
    if (paired === undefined) continue;
    const inPairs = comparePairs(own.map((loss, i) => loss - base[i]!));
    checkNear([inPairs.p, inPairs.low, inPairs.high], paired);
  }
});

test("p among many are SciPy's false_discovery_control", () => {
  checkNear(adjustForMany(expected.many.p), expected.many.adjusted);
});

test("what a setting explains is NumPy's fit of ranks", () => {
  const { rates, layers, names, losses, explained } = expected.search;
  checkNear(
    [rates, layers, names].map(values => explainLosses(values, losses)),
    explained,
  );
  const settings = rates.map(
    (rate, i) =>
      new Map<string, string | number>([...Object.entries({ name: names[i]!, rate, layers: layers[i]!, constant: 1 })]),
  );
  assert.deepEqual(
    measureImportances(settings, losses).map(({ path }) => path),
    ["rate", "layers", "name"],
  );
});
