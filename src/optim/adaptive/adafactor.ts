// Adafactor: of a matrix it keeps the mean squares of rows and of columns in place of every element's, and no momentum.
// Shares grow as 1 - t^-decayExponent; steps are clipped by their root mean square and scaled by the parameter's.

import { z } from "zod";
import { add, divide, maximum, mean, multiply, rsqrt } from "../../graph/operations.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { commonSettings, type Optimizer } from "../optimizer.ts";
import { rootMeanSquare } from "./adamw-scale.ts";

const schema = z.strictObject({
  name: z.literal("adafactor"),
  ...commonSettings,
  decayExponent: z.number().positive().max(10).default(0.8).describe("mean squares forget as 1 - t^-decayExponent"),
  updateClip: z
    .number()
    .positive()
    .max(1e6)
    .default(1)
    .describe("root mean square above which a step is scaled down to it"),
  leastScale: z
    .number()
    .min(0)
    .max(1e6)
    .default(1e-3)
    .describe("least root mean square of a parameter that its step is scaled by; 0: steps are not scaled"),
  relativeStep: z.boolean().default(true).describe("whether the rate is at most 1 / √t"),
  epsilon: z.number().min(1e-18).max(1).default(1e-15).describe("least root of a mean square"),
});

type Settings = z.infer<typeof schema>;

export const adafactor = {
  name: "adafactor",
  summary: "mean squares of rows and columns only: hardly any memory",
  source: "Shazeer & Stern 2018, arXiv 1804.04235",
  schema,
  decay: "decoupled",
  rates: ["learningRate", "stepRate"],
  listStates: ({ shape }) => {
    const [rows, columns] = shape as [number, number];
    return shape.length === 2 ? { rows: [rows, 1], columns: [1, columns] } : { second: shape };
  },
  readScalars: ({ learningRate, decayExponent, relativeStep }, step, rateScale) => ({
    learningRate: learningRate * rateScale,
    // Of the rate as it is after the schedule, which decay is not scaled by.
    stepRate: Math.min(learningRate * rateScale, relativeStep ? 1 / Math.sqrt(step) : Number.POSITIVE_INFINITY),
    newShare: step ** -decayExponent,
  }),
  update: (_, { value, gradient, states, scalars }, settings) => {
    const { learningRate, stepRate, newShare } = scalars as Record<string, Tensor>;
    const squares = multiply(gradient, gradient);
    const blend = (old: Tensor, seen: Tensor) => add(old, multiply(add(seen, multiply(old, -1)), newShare!));
    const fresh = mapStates(states, {
      rows: old => blend(old, mean(squares, [1])),
      columns: old => blend(old, mean(squares, [0])),
      second: old => blend(old, squares),
    });
    const direction = multiply(gradient, rsqrt(maximum(estimateSquares(fresh, settings), settings.epsilon ** 2)));
    const clipped = divide(direction, maximum(1, divide(rootMeanSquare(direction), settings.updateClip)));
    const scale = settings.leastScale > 0 ? maximum(rootMeanSquare(value), settings.leastScale) : 1;
    return { step: multiply(multiply(clipped, scale), stepRate!), rate: learningRate!, states: fresh };
  },
} satisfies Optimizer<Settings>;

/** Mean squares of all elements: of a matrix rows · columns / mean of rows, which is exact for products (equation 4). */
function estimateSquares({ rows, columns, second }: Readonly<Record<string, Tensor>>, { epsilon }: Settings): Tensor {
  if (second !== undefined) return second;
  return divide(multiply(rows!, columns!), maximum(mean(rows!, [0]), epsilon));
}

function mapStates(
  states: Readonly<Record<string, Tensor>>,
  change: Readonly<Record<string, (old: Tensor) => Tensor>>,
): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(states).map(([name, old]) => [name, change[name]!(old)]));
}
