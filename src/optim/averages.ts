// Averages of the parameters along a training, read out beside them and no part of what is trained. An average keeps copies of each
// parameter and one weight, zeros at first, and is the copies' sum over the weight. A new one is a record in the list below.

import { z } from "zod";
import { add, divide, less, maximum, minimum, multiply, reshape, select, state } from "../graph/operations.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";

export interface AveragedPosition {
  /** Steps done. */
  readonly step: number;
  /** Share of the budget that is spent. */
  readonly progress: number;
}

interface WeightAverage<Settings = never> {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly schema: z.ZodObject;
  countCopies(settings: Settings): number;
  /** How often the parameters have been taken in, from the begin of the run to here. */
  countTaken(position: AveragedPosition, settings: Settings): number;
  /** The copies with the parameter's value taken in, each of its shape. */
  takeCopies(value: Tensor, copies: readonly Tensor[], settings: Settings): readonly Tensor[];
  /** Shape [1]. */
  takeWeight(weight: Tensor, settings: Settings): Tensor;
}

const emaSchema = z.strictObject({
  name: z.literal("ema"),
  decay: z.number().min(0).lt(1).default(0.999).describe("share of the average that a step leaves"),
});

/** mₜ = d mₜ₋₁ + (1 - d) θₜ over 1 - dᵗ, which a mean that begins at zero lacks. */
const ema = {
  name: "ema",
  summary: "exponential moving average of the parameters of every step, free of its begin at zero",
  source: "Kingma & Ba 2015, section 7.2",
  schema: emaSchema,
  countCopies: () => 1,
  countTaken: ({ step }) => step,
  takeCopies: (value, [mean], { decay }) => [add(multiply(mean!, decay), multiply(value, 1 - decay))],
  takeWeight: (weight, { decay }) => add(multiply(weight, decay), 1 - decay),
} as const satisfies WeightAverage<z.infer<typeof emaSchema>>;

const lawaSchema = z.strictObject({
  name: z.literal("lawa"),
  copies: z.number().int().min(2).max(32).default(5).describe("how many of the latest parameters are averaged"),
  every: z.number().gt(0).max(0.5).default(0.01).describe("share of the budget between two of them"),
});

/** The mean of the latest parameters at equal distances of the budget. */
const lawa = {
  name: "lawa",
  summary: "mean of the latest parameters, taken at equal distances of the budget",
  source: "Kaddour 2022, arXiv 2209.14981",
  schema: lawaSchema,
  countCopies: ({ copies }) => copies,
  countTaken: ({ progress }, { every }) => Math.floor(progress / every),
  takeCopies: (value, copies) => [...copies.slice(1), value],
  takeWeight: (weight, { copies }) => minimum(add(weight, 1), copies),
} as const satisfies WeightAverage<z.infer<typeof lawaSchema>>;

export const weightAverages = [ema, lawa] as const;
export const weightAverageSchema = z.discriminatedUnion("name", [emaSchema, lawaSchema]);
export type WeightAverageSettings = z.infer<typeof weightAverageSchema>;

const findAverage = ({ name }: WeightAverageSettings): WeightAverage =>
  weightAverages.find(average => average.name === name)!;

/** Of the state of shape [1] that copies are divided by. */
export const weightName = "average.weight";
/** Names of the states that are a parameter's copies. */
export const copyNames = (parameter: string, settings: WeightAverageSettings): string[] =>
  Array.from({ length: findAverage(settings).countCopies(settings as never) }, (_, i) => `average.${i}.${parameter}`);

/** How often an average has taken the parameters in: at each step, or at shares of the budget. */
export function countTaken(position: AveragedPosition, settings: WeightAverageSettings): number {
  return findAverage(settings).countTaken(position, settings as never);
}

/** Names and shapes of an average's states, which begin as zeros. */
export function listAverageStates(
  parameters: ReadonlyMap<string, Shape>,
  settings: WeightAverageSettings,
): Map<string, Shape> {
  const copies = [...parameters].flatMap(([name, shape]) =>
    copyNames(name, settings).map(copy => [copy, shape] as const),
  );
  return new Map([...copies, [weightName, [1]]]);
}

const readCopies = (name: string, { shape }: Tensor, settings: WeightAverageSettings) =>
  copyNames(name, settings).map(copy => state(copy, shape));

/** New values of an average's states, with the parameters taken in. */
export function takeIntoAverage(
  parameters: ReadonlyMap<string, Tensor>,
  settings: WeightAverageSettings,
): Record<string, Tensor> {
  const { takeCopies, takeWeight } = findAverage(settings);
  const copies = [...parameters].flatMap(([name, value]) => {
    const taken = takeCopies(value, readCopies(name, value, settings), settings as never);
    return copyNames(name, settings).map((copy, i) => [copy, taken[i]!] as const);
  });
  return { ...Object.fromEntries(copies), [weightName]: takeWeight(state(weightName, [1]), settings as never) };
}

/** The average of every parameter; where nothing was taken in yet, the parameter. */
export function averageParameters(
  parameters: ReadonlyMap<string, Tensor>,
  settings: WeightAverageSettings,
): Map<string, Tensor> {
  const weight = state(weightName, [1]);
  return new Map(
    [...parameters].map(([name, value]) => {
      const align = (scalar: Tensor) => reshape(scalar, new Array<number>(value.shape.length).fill(1));
      const sum = readCopies(name, value, settings).reduce((total, copy) => add(total, copy));
      const mean = divide(sum, align(maximum(weight, 1e-30)));
      return [name, select(align(less(0, weight)), mean, value)] as const;
    }),
  );
}
