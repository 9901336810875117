import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomSequence, streams } from "../base/random.ts";
import { fitLaw } from "./fit-law.ts";
import { predictInterval, resampleLaw, widenInterval } from "./loss-interval.ts";
import { findBestSize, type Measurement, predictLoss, type ScalingLaw } from "./scaling-law.ts";
import { listDefaultSizes, makeSize } from "./sizes.ts";

const planted: ScalingLaw = {
  ...{ irreducible: 1.7, parameterFactor: 60, parameterExponent: 0.3 },
  ...{ tokenFactor: 150, tokenExponent: 0.28 },
};
const sizes = [3e5, 7e5, 1.5e6, 3e6, 6e6, 1.1e7];
const draw = (seed: number, deviation: number, kept = sizes): Measurement[] => {
  const random = new RandomSequence(seed, streams.sampling, 0);
  return kept.flatMap(parameters =>
    [2e6, 7e6, 2.5e7].map(tokens => {
      const training = { parameters, tokens };
      return { ...training, loss: predictLoss(planted, training) * Math.exp(deviation * random.normalPair()[0]) };
    }),
  );
};

test("the largest size, predicted from the others, lies within the interval, and the interval is no wider than it must be", () => {
  const largest = { parameters: 1.1e7, tokens: 2.5e7 };
  const truth = predictLoss(planted, largest);
  const intervals = [1, 2, 3].map(seed => {
    const measured = draw(seed, 0.005, sizes.slice(0, -1));
    const fit = fitLaw(measured);
    return predictInterval(fit.law, resampleLaw(measured, fit, 20), largest);
  });
  const held = intervals.filter(({ low, high }) => low <= truth && truth <= high).length;
  assert.ok(held === 3, JSON.stringify(intervals));
  for (const { low, high } of intervals) assert.ok(high / low > 1.01 && high / low < 1.12, `${low} to ${high}`);
});

test("an interval widens with the distance from what was measured, as that of least squares does", () => {
  // Four corners e apart from their middle, each twice, as much above the law as below it.
  const [middle, off] = [{ parameters: 1e6, tokens: 1e7 }, 0.01];
  const measured = [-1, 1].flatMap(n =>
    [-1, 1].flatMap(d => {
      const training = { parameters: middle.parameters * Math.exp(n), tokens: middle.tokens * Math.exp(d) };
      return [-off, off].map(by => ({ ...training, loss: predictLoss(planted, training) * Math.exp(by) }));
    }),
  );
  const none = (training: typeof middle) => {
    const loss = predictLoss(planted, training);
    return widenInterval(planted, measured, { loss, low: loss, high: loss }, training);
  };
  // Student's t of 3 degrees of freedom is 3.1824 at 97.5 %; residuals of squares 8 · 0.01² over 3; sums of squares 8 along each axis.
  const reachAt = (n: number, d: number) =>
    3.182446 * Math.sqrt((8 * off ** 2) / 3) * Math.sqrt(1 + (1 + n * n + d * d) / 8);
  for (const [n, d] of [
    [0, 0],
    [3, 0],
    [0, 5],
    [-4, 9],
  ] as const) {
    const { loss, low, high } = none({ parameters: 1e6 * Math.exp(n), tokens: 1e7 * Math.exp(d) });
    for (const reach of [Math.log(high / loss), Math.log(loss / low)])
      assert.ok(Math.abs(reach / reachAt(n, d) - 1) < 1e-5, `${n} ${d}: ${reach}`);
  }
  // Tokens that were all the same say nothing of others.
  const flat = measured.map(each => ({ ...each, tokens: 1e7 }));
  assert.equal(widenInterval(planted, flat, { loss: 2, low: 1.9, high: 2.1 }, { ...middle, tokens: 1e9 }).low, 0);
  // Along a line of sizes and tokens in proportion the interval is that of least squares with the distance as its only variable.
  const line = [-1, 1].flatMap(along => {
    const training = { parameters: 1e6 * Math.exp(along), tokens: 1e7 * Math.exp(along) };
    return [-off, off].flatMap(by => {
      const loss = predictLoss(planted, training) * Math.exp(by);
      return [
        { ...training, loss },
        { ...training, loss },
      ];
    });
  });
  const further = { parameters: 1e6 * Math.exp(3), tokens: 1e7 * Math.exp(3) };
  const loss = predictLoss(planted, further);
  const { high } = widenInterval(planted, line, { loss, low: loss, high: loss }, further);
  const expected = 3.182446 * Math.sqrt((8 * off ** 2) / 3) * Math.sqrt(1 + (1 + 9) / 8);
  assert.ok(Math.abs(Math.log(high / loss) / expected - 1) < 1e-5, `${high}`);
});

test("the best size of a number of FLOPs costs that, and its neighbours of the same cost are worse", () => {
  const best = findBestSize(planted, 1e15, 6);
  assert.ok(Math.abs((6 * best.parameters * best.tokens) / 1e15 - 1) < 1e-9);
  for (const factor of [0.8, 1.25]) {
    const other = { parameters: best.parameters * factor, tokens: best.tokens / factor };
    assert.ok(predictLoss(planted, other) > best.loss);
  }
  // K · C^(−αβ / (α + β)): ten thousand times the FLOPs.
  const more = findBestSize(planted, 1e19, 6);
  const exponent = (0.3 * 0.28) / 0.58;
  assert.ok(Math.abs((best.loss - 1.7) / (more.loss - 1.7) / 1e4 ** exponent - 1) < 1e-9);
});

test("too few trainings and losses that are none are refused", () => {
  assert.throws(() => fitLaw(draw(0, 0).slice(0, 5)), { code: "E_SCALE", message: /^5 different/ });
  assert.throws(() => fitLaw(draw(0, 0).map(each => ({ ...each, loss: 0 }))), { code: "E_SCALE" });
});

test("sizes keep the width of heads and the ratio of the feed-forward", () => {
  const base = { width: 128, layers: 2, heads: 4, feedForward: 512 };
  assert.deepEqual(listDefaultSizes(base), ["64x1", "96x2", "128x2", "192x3", "256x4", "384x6"]);
  const set = ["model.width=96", "model.layers=6", "model.heads=3", "model.feedForward=384"];
  assert.deepEqual(makeSize("96x6", base), { name: "96x6", set });
  for (const size of ["96", "100x2", "0x3", "96x", "axb"])
    assert.throws(() => makeSize(size, base), { code: "E_SCALE" });
});

test("residuals are drawn as large as a law of five values leaves them in the mean of many fits", () => {
  const measured = draw(1, 0.02, sizes.slice(0, 3));
  const fit = fitLaw(measured);
  // Of n measurements n - 5 are free: the squares that are left are (n - 5) / n of those there were. 97.5 % of Student's t of 4 lie below
  // 2.776445, of the normal 1.959964 (SciPy).
  const left = measured.map(
    each => Math.log(each.loss / predictLoss(fit.law, each)) * Math.sqrt(9 / 4) * (2.776445 / 1.959964),
  );
  for (const { residual } of resampleLaw(measured, fit, 20)) {
    assert.ok(
      left.some(each => Math.abs(each - residual) < 1e-6 * Math.abs(each)),
      `${residual}`,
    );
  }
});

test("a feed-forward is even at every size, as a gate takes half of it", () => {
  const base = { width: 32, layers: 2, heads: 4, feedForward: 90 };
  for (let width = 8; width <= 400; width += 8) {
    const [set] = makeSize(`${width}x1`, base).set.filter(each => each.startsWith("model.feedForward="));
    const feedForward = Number(set!.split("=")[1]);
    assert.equal(feedForward % 2, 0, `${width}: ${feedForward}`);
    assert.ok(Math.abs(feedForward - (90 * width) / 32) <= 1);
  }
});
