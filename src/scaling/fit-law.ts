// A scaling law fitted to trainings: the least sum of Huber's loss of differences between logarithms (Hoffmann et al. 2022, section
// D.2), by Levenberg and Marquardt's steps on weights that are set again after each few (Holland & Welsch 1977). N and D count from
// the middle of what was measured: else factor and exponent would be one direction to a solver.

import { levenbergMarquardt } from "ml-levenberg-marquardt";
import { UserError } from "../base/errors.ts";
import type { Measurement, ScalingLaw } from "./scaling-law.ts";

/** Where Huber's loss goes over from squares to absolute values; the paper's. */
const huberDelta = 1e-3;
/** Shares of the least loss and exponents that the fit is begun from. */
const startingShares = [0.3, 0.7];
const startingExponents = [0.25, 0.6];
const mostRounds = 200;
const stepsARound = 10;
/** How far one goes where a round's steps lead: beyond, since weights lag behind, or less, since steps may go uphill. */
const reaches = [8, 4, 2, 1, 1 / 2, 1 / 8, 1 / 64];
/** Of each value; what is beyond bends no loss any more. */
const bounds = [...[0, 1, 2].map(() => [-15, 20] as const), ...[3, 4].map(() => [1e-3, 4] as const)];

/** Values that a law has: so many different sizes with tokens are needed to fit it. */
export const lawValues = 5;

export interface Fit {
  readonly law: ScalingLaw;
  /** Sum of Huber's loss over the measurements. */
  readonly objective: number;
}

/** a, b: logarithms of the two terms in the middle of the measurements; e: of the irreducible loss. */
type Values = readonly [a: number, b: number, e: number, alpha: number, beta: number];

/**
 * The law nearest to the measurements. `near` is a law to begin from instead of the grid of starts.
 * UserError E_SCALE for fewer than six different pairs of parameters and tokens, or a loss that is not above 0.
 */
export function fitLaw(measured: readonly Measurement[], near?: ScalingLaw): Fit {
  checkMeasurements(measured);
  const middle = {
    parameters: mean(measured.map(({ parameters }) => Math.log(parameters))),
    tokens: mean(measured.map(({ tokens }) => Math.log(tokens))),
  };
  const data = measured.map(({ parameters, tokens, loss }) => ({
    n: Math.log(parameters) - middle.parameters,
    d: Math.log(tokens) - middle.tokens,
    y: Math.log(loss),
  }));
  const starts = near === undefined ? listStarts(measured) : [toValues(near, middle)];
  const fits = starts.map(start => descend(data, start, near === undefined ? [1e2, 1e1, 1] : [1e1, 1]));
  const best = fits.reduce((least, fit) => (fit.objective < least.objective ? fit : least));
  return { law: toLaw(best.values, middle), objective: best.objective };
}

function checkMeasurements(measured: readonly Measurement[]): void {
  const different = new Set(measured.map(({ parameters, tokens }) => `${parameters} ${tokens}`)).size;
  if (different <= lawValues) {
    throw new UserError(
      "E_SCALE",
      `${different} different ${different === 1 ? "size and number" : "sizes and numbers"} of tokens, and a law has ${lawValues} values`,
      "Train more sizes, or the same ones with another budget.",
    );
  }
  const odd = measured.find(({ loss }) => !(loss > 0 && Number.isFinite(loss)));
  if (odd === undefined) return;
  throw new UserError("E_SCALE", `a loss of ${odd.loss} has no logarithm`, "Leave that training out.");
}

interface Point {
  readonly n: number;
  readonly d: number;
  /** Logarithm of the loss. */
  readonly y: number;
}

function listStarts(measured: readonly Measurement[]): Values[] {
  const losses = measured.map(({ loss }) => loss);
  const least = Math.min(...losses);
  return startingShares.flatMap(share => {
    const term = Math.log((mean(losses) - share * least) / 2);
    const pairs = startingExponents.flatMap(alpha => startingExponents.map(beta => [alpha, beta] as const));
    return pairs.map(([alpha, beta]): Values => [term, term, Math.log(share * least), alpha, beta]);
  });
}

/** From `start` first to the least squares, then to the least of Huber's loss, whose bend is made sharper by and by. */
function descend(
  data: readonly Point[],
  start: Values,
  bends: readonly number[],
): { values: Values; objective: number } {
  let values = step(data, start, () => 1);
  for (const delta of bends.map(factor => factor * huberDelta)) {
    let objective = sumHuber(data, values, delta);
    for (let round = 0; round < mostRounds; round++) {
      const next = step(data, values, difference => (difference <= delta ? 1 : Math.sqrt(delta / difference)));
      const tried = reaches.map(reach => {
        const at = clamp(values.map((value, i) => value + reach * (next[i]! - value)));
        return { at, objective: sumHuber(data, at, delta) };
      });
      const best = tried.reduce((least, each) => (each.objective < least.objective ? each : least));
      if (!(best.objective < objective * (1 - 1e-9))) break;
      values = best.at;
      objective = best.objective;
    }
  }
  return { values, objective: sumHuber(data, values, huberDelta) };
}

const clamp = (values: readonly number[]) =>
  values.map((value, i) => Math.min(Math.max(value, bounds[i]![0]), bounds[i]![1])) as unknown as Values;

/** Steps on weighted squares; `weigh` gives the root of a weight. */
function step(data: readonly Point[], start: Values, weigh: (difference: number) => number): Values {
  const of = (values: readonly number[]) => values as unknown as Values;
  const { parameterValues } = levenbergMarquardt(
    { x: data.map((_, i) => i), y: data.map(({ y }) => y) },
    values => i => predictLog(of(values), data[i]!),
    {
      initialValues: [...start],
      weights: data.map(point => weigh(Math.abs(predictLog(start, point) - point.y))),
      damping: 1e-6,
      maxIterations: stepsARound,
      errorTolerance: 0,
      jacobianFunction: values => i => differentiateLog(of(values), data[i]!),
      minValues: bounds.map(([least]) => least),
      maxValues: bounds.map(([, most]) => most),
    },
  );
  return of(parameterValues);
}

const termsOf = ([a, b, e, alpha, beta]: Values, { n, d }: Point) =>
  [Math.exp(a - alpha * n), Math.exp(b - beta * d), Math.exp(e)] as const;

function predictLog(values: Values, point: Point): number {
  const [first, second, third] = termsOf(values, point);
  return Math.log(first + second + third);
}

function differentiateLog(values: Values, point: Point): number[] {
  const [first, second, third] = termsOf(values, point);
  const sum = first + second + third;
  return [first / sum, second / sum, third / sum, (-point.n * first) / sum, (-point.d * second) / sum];
}

function sumHuber(data: readonly Point[], values: Values, delta: number): number {
  return data.reduce((sum, point) => {
    const difference = Math.abs(predictLog(values, point) - point.y);
    return sum + (difference <= delta ? difference ** 2 / 2 : delta * (difference - delta / 2));
  }, 0);
}

interface Middle {
  readonly parameters: number;
  readonly tokens: number;
}

const toLaw = ([a, b, e, alpha, beta]: Values, { parameters, tokens }: Middle): ScalingLaw => ({
  irreducible: Math.exp(e),
  parameterFactor: Math.exp(a + alpha * parameters),
  parameterExponent: alpha,
  tokenFactor: Math.exp(b + beta * tokens),
  tokenExponent: beta,
});

const toValues = (law: ScalingLaw, { parameters, tokens }: Middle): Values => [
  Math.log(law.parameterFactor) - law.parameterExponent * parameters,
  Math.log(law.tokenFactor) - law.tokenExponent * tokens,
  Math.log(law.irreducible),
  law.parameterExponent,
  law.tokenExponent,
];

const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
