// How sure a predicted loss is: the bootstrap of residuals (Efron 1979). Laws are fitted again to what the law says with residuals that
// are drawn anew, so that all sizes and budgets stay in; what is predicted has a residual of its own. What is drawn is a function of
// the seed.

import jStat from "jstat";
import { RandomSequence, streams } from "../base/random.ts";
import { type Fit, fitLaw, lawValues } from "./fit-law.ts";
import { type Measurement, predictLoss, type ScalingLaw } from "./scaling-law.ts";

/** Of 97.5 %. */
const normalQuantile = 1.959964;

export interface ResampledLaw {
  readonly law: ScalingLaw;
  /** A logarithm: how far a training may lie from what a law says. */
  readonly residual: number;
}

export interface LossInterval {
  readonly loss: number;
  readonly low: number;
  readonly high: number;
}

/** Laws of as many resamples. */
export function resampleLaw(measured: readonly Measurement[], { law }: Fit, resamples = 200, seed = 0): ResampledLaw[] {
  // A law that has come near to few trainings leaves less than there is between it and others, and how much less is known the worse the fewer
  // they are: Student's t for the normal, without which 95 % of six trainings were 75 (docs/LOG.md).
  const freedom = Math.max(1, measured.length - lawValues);
  const stretch = (Math.sqrt(measured.length / freedom) * jStat.studentt.inv(0.975, freedom)) / normalQuantile;
  const residuals = measured.map(each => stretch * (Math.log(each.loss) - Math.log(predictLoss(law, each))));
  return Array.from({ length: resamples }, (_, index) => {
    const random = new RandomSequence(seed, streams.sampling, index);
    const draw = () => residuals[random.below(residuals.length)]!;
    const drawn = measured.map(each => ({ ...each, loss: predictLoss(law, each) * Math.exp(draw()) }));
    return { law: fitLaw(drawn, law).law, residual: draw() };
  });
}

/** The law's loss of such a training, and where 95 % of the resamples put it. */
export function predictInterval(
  law: ScalingLaw,
  resampled: readonly ResampledLaw[],
  training: Omit<Measurement, "loss">,
): LossInterval {
  const { low, high } = findMiddle(resampled.map(each => predictLoss(each.law, training) * Math.exp(each.residual)));
  const loss = predictLoss(law, training);
  return { loss, low: Math.min(loss, low), high: Math.max(loss, high) };
}

/**
 * The interval of a training outside what was measured. Resampled laws are all of one form: where a term of it has died out they agree,
 * however far away they are asked. So it is at least as wide as the prediction interval of a power of N and D by which the law may be off,
 * fitted by least squares to what the law leaves of the logarithms of losses: it grows with the distance from the measurements' middle.
 */
export function widenInterval(
  law: ScalingLaw,
  measured: readonly Measurement[],
  interval: LossInterval,
  training: Omit<Measurement, "loss">,
): LossInterval {
  const freedom = Math.max(1, measured.length - lawValues);
  const left = measured.map(each => Math.log(each.loss) - Math.log(predictLoss(law, each)));
  const deviation = Math.sqrt(left.reduce((sum, each) => sum + each ** 2, 0) / freedom);
  const reach = jStat.studentt.inv(0.975, freedom) * deviation * Math.sqrt(1 + readLeverage(measured, training));
  const { loss, low, high } = interval;
  return { loss, low: Math.min(low, loss * Math.exp(-reach)), high: Math.max(high, loss * Math.exp(reach)) };
}

/** x (XᵀX)⁻¹ xᵀ for x = (1, log N, log D), counted from the middle. */
function readLeverage(measured: readonly Measurement[], training: Omit<Measurement, "loss">): number {
  const logs = (of: Omit<Measurement, "loss">) => [Math.log(of.parameters), Math.log(of.tokens)] as const;
  const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
  const all = measured.map(logs);
  const middle = [mean(all.map(([n]) => n)), mean(all.map(([, d]) => d))] as const;
  const [n, d] = logs(training).map((value, i) => value - middle[i]!) as [number, number];
  let [nn, nd, dd] = [0, 0, 0];
  for (const each of all) {
    const [toN, toD] = [each[0] - middle[0], each[1] - middle[1]];
    nn += toN * toN;
    nd += toN * toD;
    dd += toD * toD;
  }
  const determinant = nn * dd - nd * nd;
  const spread = nn + dd;
  if (determinant > 1e-9 * spread ** 2) {
    return 1 / measured.length + (dd * n * n - 2 * nd * n * d + nn * d * d) / determinant;
  }
  // All stand on one line: along it distance counts, beside it nothing is known.
  const [toN, toD] = nn >= dd ? [nn, nd] : [nd, dd];
  const length = Math.hypot(toN, toD);
  const beside = length === 0 ? Math.hypot(n, d) : Math.abs(n * toD - d * toN) / length;
  if (beside > 1e-6) return Number.POSITIVE_INFINITY;
  return 1 / measured.length + (length === 0 ? 0 : ((n * toN + d * toD) / length) ** 2 / spread);
}

/** Where 95 % of the resamples put each value of the law. */
export function listValueIntervals(
  resampled: readonly ResampledLaw[],
): Readonly<Record<keyof ScalingLaw, { readonly low: number; readonly high: number }>> {
  const intervalOf = (key: keyof ScalingLaw) => findMiddle(resampled.map(({ law }) => law[key]));
  return {
    irreducible: intervalOf("irreducible"),
    parameterFactor: intervalOf("parameterFactor"),
    parameterExponent: intervalOf("parameterExponent"),
    tokenFactor: intervalOf("tokenFactor"),
    tokenExponent: intervalOf("tokenExponent"),
  };
}

/** Where 95 % of the values lie: quantiles between the two nearest (type 7 of Hyndman & Fan 1996). */
function findMiddle(values: readonly number[]): { readonly low: number; readonly high: number } {
  const [low, high] = jStat.quantiles([...values], [0.025, 0.975], 1, 1) as [number, number];
  return { low, high };
}
