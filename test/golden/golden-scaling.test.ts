// Laws fitted by SciPy from the same trainings (scripts/make-scaling.py).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fitLaw } from "../../src/scaling/fit-law.ts";

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    readonly parameters: readonly number[];
    readonly tokens: readonly number[];
    readonly losses: readonly number[];
    readonly law: Readonly<Record<"E" | "A" | "alpha" | "B" | "beta", number>>;
    readonly objective: number;
  }[];
}

const golden = JSON.parse(
  readFileSync(new URL("../../../test/golden/expected/scaling.json", import.meta.url), "utf8"),
) as Golden;

for (const { name, parameters, tokens, losses, law: expected, objective } of golden.cases) {
  test(`a law of trainings ${name} is SciPy's`, () => {
    const fit = fitLaw(parameters.map((each, i) => ({ parameters: each, tokens: tokens[i]!, loss: losses[i]! })));
    // The least is flat: values may differ by more than what they are judged by.
    assert.ok(fit.objective <= objective * 1.0001 + 1e-12, `${fit.objective}, SciPy ${objective}`);
    const { irreducible, parameterFactor, parameterExponent, tokenFactor, tokenExponent } = fit.law;
    const pairs = Object.entries({
      E: irreducible,
      A: parameterFactor,
      alpha: parameterExponent,
      B: tokenFactor,
      beta: tokenExponent,
    });
    for (const [key, value] of pairs) {
      const wanted = expected[key as keyof typeof expected];
      assert.ok(Math.abs(value / wanted - 1) < 1e-3, `${key}: ${value}, SciPy ${wanted}`);
    }
  });
}
