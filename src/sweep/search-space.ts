// What a search draws from: for each setting a list of values or a range, and points of the unit cube, drawn at random or by Sobol's
// sequence, that choose among them.

import { z } from "zod";
import { RandomSequence, streams } from "../base/random.ts";
import { drawSobolPoint, mostSobolDimensions } from "./sobol.ts";

export const mostTrials = 10_000;

export const settingValue = z.union([z.number(), z.string(), z.boolean()]);
export type SettingValue = z.infer<typeof settingValue>;

/** Values of settings, by their paths. */
export type Settings = readonly (readonly [path: string, value: SettingValue])[];

const range = z
  .strictObject({
    from: z.number(),
    to: z.number(),
    scale: z.enum(["linear", "log"]).default("linear"),
    /** Whole numbers alone, both ends among them. */
    whole: z.boolean().default(false),
  })
  .refine(({ from, to }) => from < to, "from below to")
  .refine(({ from, scale }) => scale === "linear" || from > 0, "above 0 on a logarithmic scale")
  .refine(({ from, to, whole }) => !whole || (Number.isInteger(from) && Number.isInteger(to)), "whole ends");

const values = z
  .record(z.string(), z.union([z.array(settingValue).min(1), range]))
  .refine(given => Object.keys(given).length > 0, "no setting to draw");

export const searchSchema = z.strictObject({
  trials: z.int().min(1).max(mostTrials),
  /** Other numbers for another seed. */
  seed: z.int().nonnegative().default(0),
  values,
});
export type Search = z.infer<typeof searchSchema>;

/** Sobol's sequence has points in so many dimensions alone. */
export const sobolSchema = searchSchema.refine(
  search => Object.keys(search.values).length <= mostSobolDimensions,
  `at most ${mostSobolDimensions} settings; random takes more`,
);

/** As many independent draws as there are trials; equal ones for equal seeds. */
export function drawAtRandom({ trials, seed, values }: Search): Settings[] {
  return Array.from({ length: trials }, (_, trial) => {
    const draws = new RandomSequence(seed, streams.sampling, trial);
    return chooseSettings(values, () => draws.uniform());
  });
}

/**
 * The first points of Sobol's sequence, each dimension shifted by bits that the seed draws (a digital shift: of any 2^k points from the
 * first on, each 2^k-th of a setting's range still has one).
 */
export function drawSobol({ trials, seed, values }: Search): Settings[] {
  const dimensions = Object.keys(values).length;
  const draws = new RandomSequence(seed, streams.sampling, 0);
  const shift = Array.from({ length: dimensions }, () => Math.floor(draws.uniform() * 2 ** 32));
  return Array.from({ length: trials }, (_, trial) => {
    const point = drawSobolPoint(trial, dimensions);
    let at = 0;
    return chooseSettings(values, () => ((point[at]! ^ shift[at++]!) >>> 0) / 2 ** 32);
  });
}

/** `next` gives a number of [0, 1) for each setting. */
function chooseSettings(space: Search["values"], next: () => number): Settings {
  return Object.entries(space).map(([path, choice]) => {
    const at = next();
    if (Array.isArray(choice)) return [path, choice[Math.floor(at * choice.length)]!];
    const { from, to, scale, whole } = choice;
    // Whole numbers are equally likely, the ends too.
    const [low, high] = whole && scale === "linear" ? [from - 0.5, to + 0.5] : [from, to];
    const drawn = scale === "log" ? low * (high / low) ** at : low + (high - low) * at;
    return [path, whole ? Math.min(to, Math.max(from, Math.round(drawn))) : Number(drawn.toPrecision(4))];
  });
}
