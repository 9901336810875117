// Learning rates and batch sizes as functions of progress through the budget (0 to 1), after Geiping & Goldstein's
// schedulers.py. A schedule is a record that reads its own settings and no others; a new one is a record in the list below.
// What a schedule gives is clamped to 0 … 1: the reference's triangles are negative past the end.

import { z } from "zod";

const share = z.number().min(0).lt(1);

const warmup = {
  /** Share of the budget over which the rate rises from 0; 0: none. */
  warmup: share.default(0.06),
};
const cooldown = {
  /** Share of the budget, at its end, over which the rate falls to 0; 0: none. */
  cooldown: share.default(0.25),
};

interface RateSchedule<Settings = never> {
  readonly name: string;
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

/** 1/4 of the peak at the start, the peak at 3/4 of the budget, 0 at its end: the paper's. */
const budgetTriangle2 = {
  name: "budget-triangle2",
  settings: {},
  rate: progress => Math.min(0.25 + progress, (1 - progress) / 0.25),
} as const satisfies RateSchedule<object>;

/** 1/2 of the peak at the start, the peak at 3/4 of the budget, 0 at its end. */
const budgetTriangle1 = {
  name: "budget-triangle1",
  settings: {},
  rate: progress => Math.min(0.5 + (0.5 * progress) / 0.75, (1 - progress) / 0.25),
} as const satisfies RateSchedule<object>;

const triangle = (progress: number) => (progress < 0.5 ? 2 * progress : 2 - 2 * progress);

/** 0, the peak half way, 0. */
const oneCycle = { name: "one-cycle", settings: {}, rate: triangle } as const satisfies RateSchedule<object>;

/** The same several times over; the reference has eight. */
const multiCycle = {
  name: "multi-cycle",
  settings: { cycles: z.number().int().positive().max(10_000).default(8) },
  rate: (progress, { cycles }) => triangle(cycleOf(progress, cycles)),
} as const satisfies RateSchedule<{ cycles: number }>;

/** Warmup, then a straight line to 0. */
const linear = {
  name: "linear",
  settings: warmup,
  rate: (progress, { warmup }) => warmUp(progress, warmup, rest => 1 - rest),
} as const satisfies RateSchedule<Warmup>;

/** Warmup, then half a cosine to 0. */
const cosine = {
  name: "cosine",
  settings: warmup,
  rate: (progress, { warmup }) => warmUp(progress, warmup, rest => 0.5 * (1 + Math.cos(Math.PI * Math.min(rest, 1)))),
} as const satisfies RateSchedule<Warmup>;

/** Half a cosine from the peak to 0, several times over; the reference has four. */
const cosineAnnealing = {
  name: "cosine-annealing",
  settings: { cycles: z.number().int().positive().max(10_000).default(4) },
  rate: (progress, { cycles }) => 0.5 * (1 + Math.cos(Math.PI * cycleOf(progress, cycles))),
} as const satisfies RateSchedule<{ cycles: number }>;

/** Warmup, the peak, a straight line to 0. The reference's budget-constant; its dive is this with no warmup and a cooldown of 1/2. */
const constantWithCooldown = {
  name: "constant-with-cooldown",
  settings: { ...warmup, ...cooldown },
  rate: (progress, { warmup, cooldown }) =>
    progress < warmup ? progress / warmup : coolDown(progress, cooldown, () => 1),
} as const satisfies RateSchedule<Warmup & Cooldown>;

/** Warmup, the peak, and a fall to 0 as 1 - √x, which Hägele et al. (2024, arXiv 2405.18392) found better than a line. */
const warmupStableDecay = {
  name: "warmup-stable-decay",
  settings: { ...warmup, ...cooldown },
  rate: (progress, { warmup, cooldown }) => {
    if (progress < warmup) return progress / warmup;
    return progress <= 1 - cooldown ? 1 : 1 - Math.sqrt(Math.min(1, (progress - 1 + cooldown) / cooldown));
  },
} as const satisfies RateSchedule<Warmup & Cooldown>;

/** Warmup, then √(warmup / progress), then a straight line to 0. */
const inverseSqrt = {
  name: "inverse-sqrt",
  // Without a warmup the rate would begin at infinity.
  settings: { warmup: share.gt(0).default(0.06), ...cooldown },
  rate: (progress, { warmup, cooldown }) =>
    progress < warmup
      ? progress / warmup
      : coolDown(progress, cooldown, at => Math.sqrt(warmup / Math.max(at, warmup))),
} as const satisfies RateSchedule<Warmup & Cooldown>;

/** A straight line up until the cooldown. */
const ramp = {
  name: "ramp",
  settings: cooldown,
  rate: (progress, { cooldown }) => coolDown(progress, cooldown, at => at),
} as const satisfies RateSchedule<Cooldown>;

/** Half a cosine up until the cooldown. */
const inverseCosine = {
  name: "inverse-cosine",
  settings: cooldown,
  rate: (progress, { cooldown }) => coolDown(progress, cooldown, at => 0.5 * (1 - Math.cos(Math.PI * at))),
} as const satisfies RateSchedule<Cooldown>;

/** Warmup, then (1 - x) to a power, from the peak to 0. */
const polynomial = {
  name: "polynomial",
  settings: { ...warmup, power: z.number().positive().default(2) },
  rate: (progress, { warmup, power }) => warmUp(progress, warmup, rest => Math.max(0, 1 - rest) ** power),
} as const satisfies RateSchedule<Warmup & { power: number }>;

/** Warmup, then the peak to the end. */
const constant = {
  name: "constant",
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
export function rateAt(progress: number, settings: RateSettings): number {
  const schedule: RateSchedule = rateSchedules.find(({ name }) => name === settings.learningRate)!;
  return Math.min(1, Math.max(0, schedule.rate(progress, settings as never)));
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
