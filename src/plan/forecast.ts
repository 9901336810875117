// A run before it is begun: what it needs, how far it comes within its budget, and what a person should know of it beforehand.

import { countOf } from "../base/printable.ts";
import { countTokenFlops, countTrained } from "../objectives/objectives.ts";
import { type Budget, parseBudget } from "../train/budget.ts";
import { findLargestShare } from "../train/ranks/share-update.ts";
import type { Recipe } from "../train/recipe.ts";
import { type Course, listStretches, planCourse, type StepCost } from "./course.ts";
import { describeBatch, describeRepetition } from "./data-fit.ts";
import type { MemoryNeeds } from "./programs.ts";

/** The device a run is planned for. */
export interface PlannedDevice {
  readonly title: string;
  /** Where its speed comes from: measured just now, or figures. */
  readonly speedSource: string;
  readonly memoryBytes: number;
  /** FLOP/s at most; undefined where no peak is known. */
  readonly peakFlops: number | undefined;
  /** Undefined where it cannot be read. */
  readonly watts: number | undefined;
  /** Tokens of a micro-batch below which the device idles; undefined where the speed was measured with this one. */
  readonly leastTokens?: number | undefined;
}

export interface ForecastOptions {
  readonly recipe: Recipe;
  readonly device: PlannedDevice;
  readonly cost: StepCost;
  readonly memory: MemoryNeeds;
  /** Sequences of the dataset's training part; undefined when no dataset is given. */
  readonly trainingSequences: number | undefined;
}

export interface Forecast {
  readonly recipe: string;
  readonly budget: string;
  readonly device: PlannedDevice;
  readonly parameters: number;
  readonly flopsPerToken: number;
  readonly memory: MemoryNeeds;
  /** Bytes of moments that a rank has at most where so many share out the update (`--shard-optimizer`). */
  readonly sharedMoments: readonly { readonly ranks: number; readonly bytes: number }[];
  readonly course: Course;
  /** Share of the peak that training reaches. */
  readonly utilisation: number | undefined;
  /** Times that the data is read; undefined without data. */
  readonly epochs: number | undefined;
  readonly energyJoules: number | undefined;
  /** At the end, in nats a predicted token, with its 95 % interval; absent without a scaling law. */
  readonly loss?: { readonly loss: number; readonly low: number; readonly high: number };
  /** What will go wrong or is not as the recipe says, a sentence each. */
  readonly warnings: readonly string[];
}

export function forecastRun(options: ForecastOptions): Forecast {
  const { recipe, device, cost, memory, trainingSequences } = options;
  const budget = parseBudget(recipe.train.budget);
  const course = planCourse(recipe, budget, cost);
  const flopsPerToken = countTokenFlops(recipe);
  const epochs = trainingSequences === undefined ? undefined : course.sequences / trainingSequences;
  return {
    recipe: recipe.name,
    budget: recipe.train.budget,
    device,
    parameters: countTrained(recipe),
    flopsPerToken,
    memory,
    sharedMoments: [2, 4, 8].map(ranks => ({ ranks, bytes: findLargestShare(recipe, ranks).bytes })),
    course,
    utilisation:
      device.peakFlops === undefined ? undefined : (course.tokensPerSecond * flopsPerToken) / device.peakFlops,
    epochs,
    energyJoules: device.watts === undefined ? undefined : device.watts * course.seconds,
    warnings: listWarnings(options, budget, course, epochs),
  };
}

/** With fewer steps a learning rate that rises and falls has no time to do either. */
const leastSteps = 500;

/** Whether so many steps are few; undefined where they will do. */
export const describeFewSteps = (steps: number): string | undefined =>
  steps < leastSteps ? `only ${countOf(steps, "step")} ${steps === 1 ? "fits" : "fit"} into the budget` : undefined;

function listWarnings(
  { recipe, device, memory, cost }: ForecastOptions,
  budget: Budget,
  course: Course,
  epochs: number | undefined,
): string[] {
  const { microBatchSequences: size } = recipe.train;
  const { batchSequences: batch, batchRamp, batchRule } = recipe.schedule;
  const { sequenceLength } = recipe.model;
  const stages = listStretches(recipe).length;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const count = (value: number) => value.toLocaleString("en-US");
  const faults: readonly (readonly [boolean, () => string])[] = [
    [
      memory.total > device.memoryBytes,
      () =>
        `memory does not fit: ${gigabytes(memory.total)} are needed and ${gigabytes(device.memoryBytes)} are there; ` +
        "set train.microBatchSequences lower",
    ],
    [epochs !== undefined && epochs > 1, () => describeRepetition(epochs!)],
    [
      describeFewSteps(course.steps) !== undefined,
      () => `${describeFewSteps(course.steps)}; ${suggestMoreSteps(recipe, course)}`,
    ],
    [
      batchRamp > 0 && stages === 1,
      () => `the batch cannot grow: a batch of ${batch} is no larger than one micro-batch of ${size}`,
    ],
    [
      stages > 1 && batchRamp > 0 && course.rampSteps < stages - 1,
      () =>
        `the batch ramp is impossible: its ${countOf(stages - 1, "stage")} would need as many steps, and it has ${count(course.rampSteps)}, ` +
        "so it jumps; set schedule.batchRamp higher, or schedule.batchSequences lower",
    ],
    [describeBatch(recipe) !== undefined, () => describeBatch(recipe)!],
    [batchRule !== undefined, () => describeRule(recipe, budget, cost, course)],
    [
      size * sequenceLength < (device.leastTokens ?? 0),
      () =>
        `a micro-batch of ${count(size * sequenceLength)} tokens does not fill this device, and its speed was seen with ` +
        `larger ones: set train.microBatchSequences=${Math.ceil(device.leastTokens! / sequenceLength)}`,
    ],
  ];
  return faults.filter(([holds]) => holds).map(([, describe]) => describe());
}

/** Gradients decide, so the plan is of the largest batches; here that of the smallest. */
function describeRule(recipe: Recipe, budget: Budget, cost: StepCost, course: Course): string {
  const batchSequences = recipe.schedule.batchRule!.least * recipe.train.microBatchSequences;
  const smallest = { ...recipe, schedule: { ...recipe.schedule, batchSequences, batchRamp: 0 } };
  const least = planCourse(smallest, budget, cost);
  return (
    `schedule.batchRule ends batches in the run by what gradients are, which no plan knows: ${countOf(course.steps, "step")} and ` +
    `${countOf(course.sequences, "sequence")} are with the largest; with the smallest, of ${countOf(batchSequences, "sequence")}, ` +
    `${countOf(least.steps, "step")} and ${countOf(least.sequences, "sequence")}`
  );
}

/** A batch of whole micro-batches that gives twice the least number of steps, or as many as there can be. */
function suggestMoreSteps({ train, schedule }: Recipe, { sequences }: Course): string {
  const size = train.microBatchSequences;
  const batch = Math.max(1, Math.floor(sequences / (2 * leastSteps) / size)) * size;
  if (batch >= schedule.batchSequences) return "give it more time, or take a smaller model or micro-batch";
  return `schedule.batchSequences=${batch} gives about ${Math.round(sequences / batch).toLocaleString("en-US")}`;
}
