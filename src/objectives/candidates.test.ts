import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { crammedSmall64k } from "../../recipes/crammed-small.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { openReference } from "../backends/reference/reference.ts";
import { UserError } from "../base/errors.ts";
import { drawBatch } from "../machine/measure-step.ts";
import { defineTraining } from "../train/definition.ts";
import { overrideRecipe } from "../train/recipe.ts";
import { openEngine } from "../train/step/engine.ts";
import { drawByShares, drawCandidates, proposeByCounts } from "./candidates.ts";
import { adjustObjective, countTokenFlops } from "./objectives.ts";

test("every label is found at its place, known ones come first and ascending, and no token is drawn twice", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 60 }).chain(vocabulary =>
        fc.record({
          vocabulary: fc.constant(vocabulary),
          labels: fc.array(fc.integer({ min: -1, max: vocabulary - 1 }), { minLength: 1, maxLength: vocabulary - 2 }),
          seed: fc.nat(),
        }),
      ),
      ({ vocabulary, labels, seed }) => {
        const count = labels.length + 1;
        const drawn = drawCandidates(Int32Array.from(labels), vocabulary, count, seed);
        const tokens = [...drawn.candidates];
        const predicted = [...new Set(labels.filter(label => label >= 0))].sort((a, b) => a - b);
        assert.deepEqual([...drawn.known], [predicted.length]);
        assert.deepEqual(tokens.slice(0, predicted.length), predicted);
        assert.equal(new Set(tokens).size, count);
        assert.ok(tokens.every(token => token >= 0 && token < vocabulary));
        assert.deepEqual(
          [...drawn.labels].map(place => (place < 0 ? place : tokens[place])),
          labels,
        );
      },
    ),
  );
});

test("what is not predicted is drawn equally often (bound at 5 sigma), and another seed draws others", () => {
  const times = new Float64Array(40);
  const draws = 4000;
  for (let seed = 0; seed < draws; seed++) {
    for (const token of drawCandidates(Int32Array.of(7, 3, 7), 40, 21, seed).candidates) times[token]!++;
  }
  const share = 19 / 38;
  const sigma = Math.sqrt(draws * share * (1 - share));
  for (const [token, count] of times.entries()) {
    if (token === 3 || token === 7) assert.equal(count, draws);
    else assert.ok(Math.abs(count - draws * share) < 5 * sigma, `token ${token}: ${count}`);
  }
});

/** What each token that is not predicted is drawn with: min(1, c · share), whose sum is as many as are drawn; c by bisection. */
function listChances(shares: readonly number[], drawn: number): number[] {
  const chancesAt = (c: number) => shares.map(share => Math.min(1, c * share));
  let [low, high] = [0, 1e12];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (chancesAt(middle).reduce((a, b) => a + b) < drawn) low = middle;
    else high = middle;
  }
  return chancesAt(high);
}

test("by shares every token is drawn as often as its share says (bound at 5 sigma), and weighs the other way", () => {
  const counts = Float64Array.from({ length: 40 }, (_, token) => 3000 >> (token % 13));
  const others = Array.from({ length: 42 }, (_, token) => token).filter(token => token !== 3 && token !== 7);
  const shares = others.map(token => ((counts[token] ?? 0) + 1) ** 0.75);
  const draws = 4000;
  for (const count of [3, 12, 21, 41, 42]) {
    const expected = listChances(shares, count - 2);
    const times = new Float64Array(42);
    for (let seed = 0; seed < draws; seed++) {
      const proposal = proposeByCounts(counts, 42, 0.75);
      const { candidates, weights, labels } = drawByShares(Int32Array.of(7, -1, 3, 7), proposal, count, seed);
      assert.deepEqual([...candidates.slice(0, 2), ...labels], [3, 7, 1, -1, 0, 1]);
      assert.equal(new Set(candidates).size, count);
      for (const [place, token] of candidates.entries()) {
        times[token]!++;
        const exact = token === 3 || token === 7 ? 0 : -Math.log(expected[others.indexOf(token)]!);
        assert.ok(
          Math.abs(weights[place]! - exact) < 1e-6,
          `${count}: ${token} weighs ${weights[place]}, not ${exact}`,
        );
      }
    }
    for (const [i, token] of others.entries()) {
      const sigma = Math.sqrt(draws * expected[i]! * (1 - expected[i]!));
      const off = Math.abs(times[token]! - draws * expected[i]!);
      assert.ok(off < 5 * sigma + 1e-2, `${count}: token ${token} ${times[token]} of ${draws * expected[i]!}`);
    }
  }
});

test("by shares no token is drawn twice and no place is left empty, whatever the shares", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { minLength: 3, maxLength: 60 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.nat(),
      fc.nat(),
      (counts, power, more, seed) => {
        const vocabulary = counts.length;
        const count = 2 + (more % (vocabulary - 1));
        const proposal = proposeByCounts(Float64Array.from(counts), vocabulary, power);
        const { candidates, weights } = drawByShares(Int32Array.of(1, 1), proposal, count, seed);
        assert.equal(new Set(candidates).size, count);
        assert.ok(weights.every(weight => weight >= 0 && Number.isFinite(weight)));
      },
    ),
  );
});

const tiny = [
  ...["model.width=16", "model.layers=1", "model.heads=2", "model.feedForward=32", "model.vocabulary=40"],
  ...["model.sequenceLength=16", "train.microBatchSequences=2", "optimizer.name=adamw", "optimizer.learningRate=0.01"],
  ...["objective.name=masked", "model.initialisation=normal"],
];
const recipeWith = (...changes: readonly string[]) => overrideRecipe(quickstart, [...tiny, ...changes]);

const counts = Float64Array.from({ length: 40 }, (_, token) => 100 / (token + 1));

/** Mean loss and norm of the gradient of one batch at first parameters, in float64, by as many draws of its candidates as there are seeds. */
async function measure(seeds: readonly number[], ...changes: readonly string[]) {
  const recipe = recipeWith(...changes);
  const engine = await openEngine(openReference(), defineTraining(recipe));
  const whole = drawBatch(recipeWith());
  const { candidates, candidatePower } = recipe.objective as { readonly candidates?: number; candidatePower?: number };
  const labels = whole.labels as Int32Array;
  const draw = (count: number, seed: number) => {
    if (candidatePower === undefined) return drawCandidates(labels, 40, count, seed);
    return drawByShares(labels, proposeByCounts(counts, 40, candidatePower), count, seed);
  };
  for (const [i, seed] of seeds.entries()) {
    const drawn = candidates && draw(candidates, seed);
    await engine.accumulate({ ...whole, ...(drawn ?? {}) }, i === 0);
  }
  return engine.update({ step: 1, rateScale: 1 }, seeds.length);
}

test("candidates that are the whole vocabulary have its loss and gradient, with a bias of the decoder and without", async () => {
  for (const more of [["model.head=tied"], ["model.head=transform"], ["objective.candidatePower=0.75"]]) {
    const head = more[0]!.startsWith("model") ? more : [];
    const [all, asked] = [await measure([0], ...head), await measure([0], ...more, "objective.candidates=40")];
    assert.ok(Math.abs(all.loss - asked.loss) < 1e-6 * all.loss, `${more}: ${all.loss} ${asked.loss}`);
    assert.ok(Math.abs(all.gradientNorm - asked.gradientNorm) < 1e-5 * all.gradientNorm, String(more));
  }
});

test("fewer candidates estimate the loss and the gradient of the whole vocabulary: their means over draws are these", async () => {
  const all = await measure([0]);
  const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
  for (const more of [["objective.candidates=20"], ["objective.candidates=20", "objective.candidatePower=0.75"]]) {
    const [one, mean] = [await measure([1], ...more), await measure(seeds, ...more)];
    const off = (of: { readonly loss: number; readonly gradientNorm: number }) =>
      [of.loss / all.loss - 1, of.gradientNorm / all.gradientNorm - 1].map(Math.abs) as [number, number];
    const [loss, norm] = off(mean);
    assert.ok(loss < 1e-3, `loss off by ${loss}`);
    // What one draw leaves out is in the norm of its gradient, and gone from that of the mean.
    assert.ok(norm < 0.02 && norm < off(one)[1] / 3, `norm off by ${norm}, of one draw by ${off(one)[1]}`);
  }
});

test("a token's cost is that of its candidates", () => {
  const [all, few] = [recipeWith(), recipeWith("objective.candidates=20")];
  assert.equal(countTokenFlops(all) - countTokenFlops(few), 6 * 0.25 * 20 * 16);
});

/** The settings that an advice names, and those at the ends of the ranges that it gives. */
function readAdvice(advice: string): string[][] {
  const ways: string[][] = [];
  const [, from, to] = /set it from (\d+) to (\d+)/i.exec(advice) ?? [];
  if (from !== undefined) ways.push([`objective.candidates=${from}`], [`objective.candidates=${to}`]);
  const [, most] = /set train\.microBatchSequences to (\d+) at most/i.exec(advice) ?? [];
  if (most !== undefined) ways.push([`train.microBatchSequences=${most}`], ["train.microBatchSequences=1"]);
  const without = [...advice.matchAll(/\S+=null/g)].map(([pair]) => pair.replace(/\.$/, ""));
  if (without.length > 0) ways.push(without);
  return ways;
}

test("whatever is advised of candidates is accepted, and no more could be", () => {
  let refused = 0;
  const isAccepted = (changes: readonly string[]) => {
    try {
      overrideRecipe(crammedSmall64k, changes);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof UserError && error.code === "E_RECIPE_VALUE", String(error));
      return error;
    }
  };
  for (const vocabulary of [5, 39, 310, 608, 609, 610, 1000, 65536]) {
    for (const candidates of [2, 38, 39, 300, 310, 608, 609, 4096, 65536]) {
      for (const size of [1, 2, 16, 200]) {
        for (const power of ["0.75", "null"]) {
          const changes = [
            ...[`model.vocabulary=${vocabulary}`, `objective.candidates=${candidates}`],
            ...[`objective.candidatePower=${power}`, `train.microBatchSequences=${size}`],
          ];
          const fault = isAccepted(changes);
          // 38 of 128 tokens are predicted in a sequence.
          const isRight = candidates === vocabulary || (candidates < vocabulary && candidates > 38 * size);
          assert.equal(fault === undefined, isRight, changes.join(" "));
          if (fault === undefined) continue;
          refused++;
          const ways = readAdvice(fault.advice);
          assert.ok(
            ways.some(way => way.includes("objective.candidates=null")),
            fault.advice,
          );
          for (const way of ways) assert.equal(isAccepted([...changes, ...way]), undefined, `${changes}: ${way}`);
          for (const path of ["objective.candidates", "train.microBatchSequences"]) {
            const numbers = ways.flatMap(([pair]) =>
              pair!.startsWith(`${path}=`) ? [Number(pair!.split("=")[1])] : [],
            );
            const next = numbers.length > 1 && (path === "objective.candidates" ? numbers[0]! - 1 : numbers[0]! + 1);
            if (next !== false && next > 1)
              assert.ok(isAccepted([...changes, `${path}=${next}`]), `${changes}: ${next}`);
          }
        }
      }
    }
  }
  assert.ok(refused > 200, String(refused));
});

test("a recipe of another vocabulary or length is adjusted by settings that it takes, and no other is", () => {
  for (const vocabulary of [40, 4095, 4096, 65536]) {
    for (const sequenceLength of [16, 128, 862, 900, 8192, 16384]) {
      const shape = [`model.vocabulary=${vocabulary}`, `model.sequenceLength=${sequenceLength}`];
      const model = { ...crammedSmall64k.model, vocabulary, sequenceLength };
      const adjusted = adjustObjective({ ...crammedSmall64k, model });
      // 4,095 candidates at most are predicted: three tenths of 16 sequences of 862 are more.
      const isRight = vocabulary === 4096 || (vocabulary > 4096 && sequenceLength < 862);
      assert.equal(adjusted.length === 0, isRight, `${shape}: ${adjusted}`);
      overrideRecipe(crammedSmall64k, [...shape, ...adjusted]);
      if (!isRight) assert.throws(() => overrideRecipe(crammedSmall64k, shape), { code: "E_RECIPE_VALUE" });
    }
  }
});

test("what cannot be estimated so is refused by name", () => {
  for (const [changes, said] of [
    [["objective.candidatePower=0.75"], /candidatePower changes nothing without objective\.candidates/],
    [["objective.candidates=41"], /the vocabulary has 40/],
    [["objective.candidates=8"], /may predict 8 tokens/],
    [["objective.candidates=20", "loss.name=focal"], /plain cross-entropy/],
    [["objective.candidates=20", "loss.name=cross-entropy", "loss.labelSmoothing=0.1"], /plain cross-entropy/],
    [["objective.candidates=20", "model.decoder.logitCap=30"], /logitCap/],
  ] as const) {
    assert.throws(() => recipeWith(...changes), said);
  }
});
