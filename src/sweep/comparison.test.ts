import assert from "node:assert/strict";
import { test } from "node:test";
import { compareMeans, comparePairs, compareVariations } from "./comparison.ts";
import {
  describeLowest,
  escapeMarkdown,
  explainTable,
  formatCsv,
  formatLatex,
  formatMarkdown,
  formatText,
  listRows,
} from "./sweep-table.ts";
import type { TrialResult } from "./trial.ts";

const [a, b, c] = [
  [5.03, 4.98, 5.11, 5.01],
  [5.21, 5.1, 5.19, 5.22],
  [5.3, 5.05, 5.2],
];
const near = (got: number, expected: number) =>
  assert.ok(Math.abs(got - expected) < 1e-9, `${got}, expected ${expected}`);

test("differences in pairs are SciPy's ttest_rel, those of other samples its ttest_ind of unequal variances", () => {
  const paired = comparePairs(a!.map((loss, i) => loss - b![i]!));
  near(paired.p, 0.015053833172271812);
  near(paired.low, -0.24062394746331034);
  near(paired.high, -0.05437605253668916);
  const welch = compareMeans(a!, c!);
  near(welch.p, 0.16215574591536677);
  near(welch.mean, -0.15083333333333293);
  near(welch.low, -0.42198317387446943);
  near(welch.high, 0.12031650720780357);
});

test("a difference that is one of forty and large by chance is not marked", () => {
  const noise = Array.from({ length: 39 }, (_, i) => ended(`n${i}`, 0, 5.03).variation);
  const results = [
    ...a!.map((loss, seed) => ended("base", seed, loss)),
    ...b!.map((loss, seed) => ended("worse", seed, loss)),
    ...noise.flatMap((name, i) =>
      a!.map((loss, seed) => ended(name, seed, loss + (seed % 2 === 0 ? 0.1 : -0.1) + i / 1e4)),
    ),
  ];
  const compared = compareVariations(["base", "worse", ...noise], results);
  assert.ok(compared[1]!.difference!.p < 0.016 && compared[1]!.difference!.low > 0);
  assert.equal(listRows(compared)[1]![7], "");
  assert.match(explainTable(compared), /: 0 of 40\.$/);
});

const ended = (variation: string, seed: number, validationLoss: number): TrialResult => ({
  ...{ variation, seed, recipe: "r", dataset: "d", reason: "budget", validationLoss, steps: 100, tokens: 2e6 },
  elapsedSeconds: 9,
});
const failed = (variation: string, seed: number): TrialResult => {
  const { validationLoss: _, ...rest } = ended(variation, seed, 0);
  return { ...rest, reason: "E_DIVERGED", message: "it came apart" };
};

test("trials of equal seeds are compared in pairs; one that failed counts as that, and leaves its pair", () => {
  const results = [
    ...a!.map((loss, seed) => ended("base", seed, loss)),
    ...b!.map((loss, seed) => ended("worse", seed, loss)),
    ...c!.map((loss, seed) => ended("fails", seed, loss)),
    failed("fails", 3),
    ended("once", 0, 5),
  ];
  const [base, worse, fails, once, none] = compareVariations(["base", "worse", "fails", "once", "none"], results);
  assert.deepEqual([base!.count, base!.difference], [4, undefined]);
  near(base!.mean!, 5.0325);
  near(base!.deviation!, 0.05560275772537454);
  assert.equal(worse!.difference!.isPaired, true);
  near(worse!.difference!.mean, 0.1475);
  assert.deepEqual([fails!.count, fails!.failed, fails!.difference!.isPaired], [3, ["E_DIVERGED"], false]);
  assert.deepEqual([once!.count, once!.deviation, once!.difference], [1, undefined, undefined]);
  assert.deepEqual([none!.count, none!.mean], [0, undefined]);
});

test("of scored trials bits per byte are compared, whatever their losses; one without a score has not ended", () => {
  const scored = (variation: string, seed: number, bitsPerByte: number): TrialResult => ({
    ...ended(variation, seed, 9 * seed),
    score: { heldOutText: "t", bitsPerByte, speltWords: 0 },
  });
  const results = [
    ...a!.map((bits, seed) => scored("base", seed, bits)),
    ...b!.map((bits, seed) => scored("worse", seed, bits)),
    ended("waits", 0, 1),
    failed("waits", 1),
  ];
  const compared = compareVariations(["base", "worse", "waits"], results, "bits per byte");
  const [, worse, waits] = compared;
  near(worse!.mean!, 5.18);
  near(worse!.difference!.p, 0.015053833172271812);
  assert.deepEqual([waits!.count, waits!.mean, waits!.failed], [0, undefined, ["E_DIVERGED"]]);
  assert.match(formatMarkdown(compared), /^\| change \| n \| bits per byte \| sd \|/);
  assert.match(formatLatex(compared), /change & n & bits per byte & sd/);
  assert.match(formatCsv(compared), /^change,n,failed,bitsPerByte,sd/);
  assert.match(formatText(compared), /^change +n +bits per byte/);
  assert.match(explainTable(compared), /^Bits per byte of masked words/);
  assert.match(describeLowest(compared)!, /^base is lowest of 2: 5\.0325 ± 0\.0556 bits per byte over 4 seeds; next/);
  assert.equal(compareVariations(["base"], results)[0]!.mean, 13.5);
});

test("equal differences without spread are no accident, and none is none", () => {
  assert.deepEqual(comparePairs([0.5, 0.5, 0.5]), { mean: 0.5, low: 0.5, high: 0.5, p: 0, isPaired: true });
  assert.deepEqual(comparePairs([0, 0]), { mean: 0, low: 0, high: 0, p: 1, isPaired: true });
});

test("the table is the same in every form, and marks what its interval tells from 0", () => {
  const results = [
    ...a!.map((loss, seed) => ended("base", seed, loss)),
    ...b!.map((loss, seed) => ended("50 % | <a>", seed, loss)),
  ];
  const compared = compareVariations(["base", "50 % | <a>"], results);
  assert.deepEqual(listRows(compared)[1]!.slice(0, 8), [
    ...["50 % | <a>", "4", "5.1800", "0.0548", "+0.1475", "+0.0544 to +0.2406", "0.015", "worse"],
  ]);
  assert.match(formatText(compared), /^change +n +loss/);
  // Units stand in the heads: a cell is a number. 0.11 million tokens are these 110,000.
  const counted = compared.map(each => ({ ...each, steps: 10, tokens: 110_000 }));
  const [head, , base] = formatMarkdown(counted).split("\n");
  assert.match(head!, /\| p \| verdict \| steps \| million tokens \|$/);
  assert.match(base!, /\| 10 \| 0\.11 \|$/);
  assert.ok(formatMarkdown(compared).includes("| 50 % \\| \\<a> | 4 |"));
  assert.ok(formatLatex(compared).includes("50 \\% | $<$a$>$ & 4 & 5.1800"));
  assert.ok(formatCsv(compared).includes("\n50 % | <a>,4,,5.18,"));
});

test("the lowest is named with what follows it, and whether it is below the base by more than chance", () => {
  const say = (losses: Readonly<Record<string, readonly number[]>>, names = Object.keys(losses)) =>
    describeLowest(
      compareVariations(
        names,
        Object.entries(losses).flatMap(([name, own]) => own.map((loss, seed) => ended(name, seed, loss))),
      ),
    );
  assert.equal(say({}, ["base"]), undefined);
  assert.equal(say({ other: [5, 7] }), "other: 6.0000 ± 1.4142 nats over 2 seeds.");
  // What has not ended is none of which it is the lowest.
  assert.equal(
    say({ base: [6], other: [5] }, ["base", "other", "waits"]),
    "other is lowest of 2: 5.0000 nats; next is base, 6.0000 nats.",
  );
  const base = [5, 5.1, 5.2];
  assert.match(
    say({ base, lower: base.map((loss, i) => loss - 1 + i / 100) })!,
    /^lower is .*over 3 seeds; next is base/,
  );
  assert.match(say({ base, noise: [4.6, 5.3, 5.1] })!, /^noise is .*, which is no more below the base than chance/);
});

test("a name in a table of Markdown is shown whole, and makes no column", () => {
  const shown = ["<cls> before documents", "a | b", "</td>", "<!-- x", "p < 0.001", "a<1"].map(escapeMarkdown);
  assert.deepEqual(shown, ["\\<cls> before documents", "a \\| b", "\\</td>", "\\<!-- x", "p < 0.001", "a<1"]);
});
