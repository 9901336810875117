// Metrics and quantiles against scikit-learn, SciPy and NumPy (scripts/make-metrics.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { quantileOf } from "../../src/evaluate/scores/bootstrap.ts";
import { computeMetric, type MetricName, metricNames } from "../../src/evaluate/scores/metrics.ts";

interface Case {
  readonly name: string;
  readonly predictions: readonly (number | string)[];
  readonly targets: readonly (number | string)[];
  readonly groups?: readonly (string | null)[];
  /** null where the library gives NaN or refuses. */
  readonly scores: Readonly<Partial<Record<MetricName, number | null>>>;
}
interface Golden {
  readonly cases: readonly Case[];
  readonly quantiles: readonly { readonly values: number[]; readonly share: number; readonly quantile: number }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/metrics.json", import.meta.url), "utf8"),
) as Golden;
const tolerance = 1e-9;

for (const metric of metricNames) {
  const cases = golden.cases.filter(({ scores }) => metric in scores);

  test(`${metric} is the library's on ${cases.length} sets of predictions`, () => {
    assert.ok(cases.length > 15);
    for (const { name, predictions, targets, groups, scores } of cases) {
      const score = computeMetric(
        metric,
        predictions.map(Number),
        targets.map(Number),
        groups?.map(group => group ?? undefined),
      );
      const expected = scores[metric] ?? Number.NaN;
      const isEqual = Number.isNaN(expected) ? Number.isNaN(score) : Math.abs(score - expected) <= tolerance;
      assert.ok(isEqual, `${name}: ${score}, where the library gives ${expected}`);
    }
  });
}

test("quantiles are NumPy's", () => {
  for (const { values, share, quantile } of golden.quantiles) {
    const got = quantileOf(
      [...values].sort((a, b) => a - b),
      share,
    );
    assert.ok(Math.abs(got - quantile) <= tolerance, `${share} of ${values.length}: ${got}, not ${quantile}`);
  }
});
