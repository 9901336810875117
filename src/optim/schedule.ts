// Learning rates, other values and batch sizes as functions of progress through the budget (0 to 1), after Geiping & Goldstein's
// schedulers.py. A schedule is a record that reads its own settings and no others; a new one is a record in the list below.
// What a schedule gives is clamped to 0 … 1: the reference's triangles are negative past the end.

import { z } from "zod";
import { growChoice } from "../settings/grow-choice.ts";

const share = z.number().min(0).lt(1);

const warmupOf = (usual: number) =>
  share.default(usual).describe("share of the budget over which the rate rises from 0; 0: none");
const cyclesOf = (usual: number) =>
  z.number().int().positive().max(10_000).default(usual).describe("times that it is run through over the budget");

const warmup = { warmup: warmupOf(0.06) };
const cooldown = {
  cooldown: share.default(0.25).describe("share of the budget, at its end, over which the rate falls to 0; 0: none"),
};

export interface RateSchedule<Settings = never> {
  readonly name: string;
  /** What it does, one line for lists. */
  readonly summary: string;
  /** The paper. */
  readonly source: string;
  readonly settings: z.ZodRawShape;
  /** Share of the peak learning rate at this progress. */
  rate(progress: number, settings: Settings): number;
}

type Warmup = { readonly warmup: number };
type Cooldown = { readonly cooldown: number };

/** The value before the cooldown begins, and from there a straight line to 0. */
function coolDown(progress: number, cooldown: number, rate: (progress: number) => number): number {
  const start = 1 - cooldown;
  return progress <= start ? rate(progress) : rate(start) * ((1 - progress) / cooldown);
}

/** A straight line from 0, then what the rate is over the rest, whose own progress is 0 to 1. */
function warmUp(progress: number, warmup: number, rate: (progress: number) => number): number {
  return progress < warmup ? progress / warmup : rate((progress - warmup) / (1 - warmup));
}

/** Whatever goes round: 0 at the start of each cycle to 1 at its end. */
const cycleOf = (progress: number, cycles: number) => (progress >= 1 ? 1 : (progress * cycles) % 1);

const budgetTriangle2 = {
  name: "budget-triangle2",
  summary: "1/4 of the peak at the start, the peak at 3/4 of the budget, 0 at its end",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: {},
  rate: progress => Math.min(0.25 + progress, (1 - progress) / 0.25),
} as const satisfies RateSchedule<object>;

const budgetTriangle1 = {
  name: "budget-triangle1",
  summary: "1/2 of the peak at the start, the peak at 3/4 of the budget, 0 at its end",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: {},
  rate: progress => Math.min(0.5 + (0.5 * progress) / 0.75, (1 - progress) / 0.25),
} as const satisfies RateSchedule<object>;

const triangle = (progress: number) => (progress < 0.5 ? 2 * progress : 2 - 2 * progress);

const oneCycle = {
  name: "one-cycle",
  summary: "0, the peak half way, 0",
  source: "Smith & Topin 2018, arXiv 1708.07120",
  settings: {},
  rate: triangle,
} as const satisfies RateSchedule<object>;

/** The reference has eight cycles. */
const multiCycle = {
  name: "multi-cycle",
  summary: "one-cycle several times over",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: { cycles: cyclesOf(8) },
  rate: (progress, { cycles }) => triangle(cycleOf(progress, cycles)),
} as const satisfies RateSchedule<{ cycles: number }>;

const linear = {
  name: "linear",
  summary: "warmup, then a straight line to 0",
  source: "Devlin et al. 2019, arXiv 1810.04805",
  settings: warmup,
  rate: (progress, { warmup }) => warmUp(progress, warmup, rest => 1 - rest),
} as const satisfies RateSchedule<Warmup>;

const cosine = {
  name: "cosine",
  summary: "warmup, then half a cosine to 0",
  source: "Loshchilov & Hutter 2017, arXiv 1608.03983",
  settings: warmup,
  rate: (progress, { warmup }) => warmUp(progress, warmup, rest => 0.5 * (1 + Math.cos(Math.PI * Math.min(rest, 1)))),
} as const satisfies RateSchedule<Warmup>;

/** The reference has four cycles. */
const cosineAnnealing = {
  name: "cosine-annealing",
  summary: "warmup, then half a cosine from the peak to 0, several times over",
  source: "Loshchilov & Hutter 2017, arXiv 1608.03983",
  // The reference's begins at the peak.
  settings: { warmup: warmupOf(0), cycles: cyclesOf(4) },
  rate: (progress, { warmup, cycles }) =>
    warmUp(progress, warmup, rest => 0.5 * (1 + Math.cos(Math.PI * cycleOf(rest, cycles)))),
} as const satisfies RateSchedule<Warmup & { cycles: number }>;

/** The reference's budget-constant; its dive is this with no warmup and a cooldown of 1/2. */
const constantWithCooldown = {
  name: "constant-with-cooldown",
  summary: "warmup, the peak, a straight line to 0",
  source: "Zhai et al. 2022, arXiv 2106.04560",
  settings: { ...warmup, ...cooldown },
  rate: (progress, { warmup, cooldown }) =>
    progress < warmup ? progress / warmup : coolDown(progress, cooldown, () => 1),
} as const satisfies RateSchedule<Warmup & Cooldown>;

const warmupStableDecay = {
  name: "warmup-stable-decay",
  summary: "warmup, the peak, and a fall to 0 as 1 - √x",
  source: "Hägele et al. 2024, arXiv 2405.18392",
  settings: { ...warmup, ...cooldown },
  rate: (progress, { warmup, cooldown }) => {
    if (progress < warmup) return progress / warmup;
    return progress <= 1 - cooldown ? 1 : 1 - Math.sqrt(Math.min(1, (progress - 1 + cooldown) / cooldown));
  },
} as const satisfies RateSchedule<Warmup & Cooldown>;

const inverseSqrt = {
  name: "inverse-sqrt",
  summary: "warmup, then √(warmup / progress), then a straight line to 0",
  source: "Vaswani et al. 2017, arXiv 1706.03762",
  // Without a warmup the rate would begin at infinity.
  settings: { warmup: share.gt(0).default(0.06), ...cooldown },
  rate: (progress, { warmup, cooldown }) =>
    progress < warmup
      ? progress / warmup
      : coolDown(progress, cooldown, at => Math.sqrt(warmup / Math.max(at, warmup))),
} as const satisfies RateSchedule<Warmup & Cooldown>;

const ramp = {
  name: "ramp",
  summary: "a straight line up until the cooldown",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: cooldown,
  rate: (progress, { cooldown }) => coolDown(progress, cooldown, at => at),
} as const satisfies RateSchedule<Cooldown>;

const inverseCosine = {
  name: "inverse-cosine",
  summary: "half a cosine up until the cooldown",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: cooldown,
  rate: (progress, { cooldown }) => coolDown(progress, cooldown, at => 0.5 * (1 - Math.cos(Math.PI * at))),
} as const satisfies RateSchedule<Cooldown>;

const polynomial = {
  name: "polynomial",
  summary: "warmup, then (1 - x) to a power, from the peak to 0",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: {
    ...warmup,
    power: z.number().positive().default(2).describe("power that what is left of the budget is raised to"),
  },
  rate: (progress, { warmup, power }) => warmUp(progress, warmup, rest => Math.max(0, 1 - rest) ** power),
} as const satisfies RateSchedule<Warmup & { power: number }>;

const constant = {
  name: "constant",
  summary: "warmup, then the peak to the end",
  source: "Geiping & Goldstein 2022, arXiv 2212.14034",
  settings: warmup,
  rate: (progress, { warmup }) => (progress < warmup ? progress / warmup : 1),
} as const satisfies RateSchedule<Warmup>;

export const rateSchedules = [
  budgetTriangle2,
  budgetTriangle1,
  oneCycle,
  multiCycle,
  linear,
  cosine,
  cosineAnnealing,
  constantWithCooldown,
  warmupStableDecay,
  inverseSqrt,
  ramp,
  inverseCosine,
  polynomial,
  constant,
] as const;

/** A schedule's name, as `learningRate`, with the settings that it reads. */
export type RateSettings = SettingsOf<(typeof rateSchedules)[number]>;
type SettingsOf<Schedule> = Schedule extends {
  readonly name: infer Name;
  readonly settings: infer Shape extends z.ZodRawShape;
}
  ? { readonly learningRate: Name } & { readonly [Key in keyof Shape]: z.infer<Shape[Key]> }
  : never;

/** Share of the peak learning rate, 0 to 1, at this progress. */
export const rateAt = (progress: number, settings: RateSettings): number =>
  shareAt(progress, settings.learningRate, settings);

function shareAt(progress: number, scheduleName: string, settings: object): number {
  const schedule: RateSchedule = rateSchedules.find(({ name }) => name === scheduleName)!;
  return Math.min(1, Math.max(0, schedule.rate(Math.min(1, progress), settings as never)));
}

/** Adds a schedule of one's own to the list, where values of a recipe are changed by one. UserError E_EXTENSION for a name that is taken. */
export function listSchedule(schedule: RateSchedule): void {
  const { name, settings } = schedule;
  growChoice(valueSchedule, z.strictObject({ name: z.literal(name), ...settings, least: leastValue }), name);
  (rateSchedules as unknown as RateSchedule[]).push(schedule);
}

const leastValue = z
  .number()
  .min(0)
  .default(0)
  .describe("the value where the schedule is at 0; at 1 it is the recipe's");

/** A schedule of some value of a recipe, by the same records as the learning rate's. */
export const valueSchedule = z.discriminatedUnion(
  "name",
  rateSchedules.map(({ name, settings }) =>
    z.strictObject({ name: z.literal(name), ...settings, least: leastValue }),
  ) as unknown as ValueSections<typeof rateSchedules>,
);
type ValueSections<List> = List extends readonly [infer First, ...infer Rest]
  ? First extends { readonly name: infer Name extends string; readonly settings: infer Settings extends z.ZodRawShape }
    ? [z.ZodObject<{ name: z.ZodLiteral<Name>; least: typeof leastValue } & Settings>, ...ValueSections<Rest>]
    : never
  : [];

export type ValueSchedule = z.infer<typeof valueSchedule>;

/** Between the schedule's least and `most`; `most` itself without a schedule. */
export function valueAt(progress: number, most: number, schedule: ValueSchedule | undefined): number {
  if (schedule === undefined) return most;
  return schedule.least + (most - schedule.least) * shareAt(progress, schedule.name, schedule);
}

export interface BatchRamp {
  /** Sequences of a step at full batch, and of one pass. */
  readonly batchSequences: number;
  readonly microBatchSequences: number;
  /** Share of the budget over which the batch grows; 0: full from the start. */
  readonly batchRamp: number;
}

/** Sequences of a step: from one micro-batch, in whole micro-batches, linearly to the full batch at `batchRamp`. */
export function batchSizeAt(progress: number, ramp: BatchRamp): number {
  const { batchSequences, microBatchSequences, batchRamp } = ramp;
  if (progress >= batchRamp) return batchSequences;
  const share = (progress * batchSequences) / (batchRamp * microBatchSequences);
  return Math.min((Math.floor(share) + 1) * microBatchSequences, batchSequences);
}
