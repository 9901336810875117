// What a sweep is: trainings that differ in what is named, each with several seeds. Seeds decide initial parameters and the order of
// the data, so that trials of one seed differ in what was changed alone and can be compared in pairs.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { RandomSequence, streams } from "../base/random.ts";
import { checkSettings } from "../settings/settings.ts";

const value = z.union([z.number(), z.string(), z.boolean()]);
const assignments = z.array(z.string().regex(/^[^=]+=/, "an assignment, as in model.layers=6"));
const most = 10_000;

/** What differs from the base. */
const change = z.union([
  assignments,
  z.strictObject({
    set: assignments.default([]),
    recipe: z.string().exactOptional(),
    data: z.string().exactOptional(),
  }),
]);

const range = z.union([
  z.array(value).min(1),
  z.strictObject({ from: z.number(), to: z.number(), scale: z.enum(["linear", "log"]).default("linear") }),
]);

const schema = z.strictObject({
  /** The recipe that everything is a change of. */
  recipe: z.string(),
  /** Assignments of all trials. */
  set: assignments.default([]),
  /** Of each trial: "90s" or "300steps"; default: the recipe's. */
  budget: z.string().exactOptional(),
  /** The dataset; --data on the command line does instead. */
  data: z.string().exactOptional(),
  seeds: z.array(z.int().nonnegative()).min(1).max(1000).default([0, 1, 2]),
  /** Whether the recipe as it is is a trial, which the others are compared with. */
  base: z.boolean().default(true),
  /** Named changes, one at a time. */
  variations: z.record(z.string(), change).default({}),
  /** Every combination of the values of these settings. */
  grid: z.record(z.string(), z.array(value).min(1)).default({}),
  /** As many draws of these settings, each kept once; equal numbers for equal seeds. */
  random: z
    .strictObject({
      trials: z.int().min(1).max(most),
      seed: z.int().nonnegative().default(0),
      values: z.record(z.string(), range),
    })
    .exactOptional(),
});

export type Sweep = z.infer<typeof schema>;

/** One setting of everything, of which there is a trial a seed. */
export interface Variation {
  /** "base", a name, or the settings it consists of. */
  readonly name: string;
  readonly set: readonly string[];
  readonly recipe?: string | undefined;
  readonly data?: string | undefined;
}

export const baseName = "base";

/** UserErrors E_RECIPE_KEY, E_RECIPE_VALUE. */
export function checkSweep(given: unknown, origin: string): Sweep {
  return checkSettings(schema, given, origin, {
    noun: "a sweep",
    advice: "cram sweep --help shows a whole one.",
  });
}

/** All variations, the base first. UserError E_SWEEP where there is none, two have one name, or there are more than 10,000. */
export function listVariations(sweep: Sweep): Variation[] {
  const named = Object.entries(sweep.variations).map(
    ([name, changed]): Variation => ({ name, ...(Array.isArray(changed) ? { set: changed } : changed) }),
  );
  const combined = combine(Object.entries(sweep.grid)).map(nameBySettings);
  const drawn = drawVariations(sweep.random);
  const base: Variation[] = sweep.base ? [{ name: baseName, set: [] }] : [];
  const all = [...base, ...named, ...combined, ...drawn];
  const twice = all.find(({ name }, i) => all.findIndex(other => other.name === name) < i);
  if (twice !== undefined) {
    throw new UserError("E_SWEEP", `two variations are called ${twice.name}`, "Give each a name of its own.");
  }
  if (all.length === 0) {
    throw new UserError("E_SWEEP", "a sweep without a variation", "Give variations, a grid, or random draws.");
  }
  if (all.length * sweep.seeds.length > most) {
    throw new UserError(
      "E_SWEEP",
      `${all.length} variations with ${sweep.seeds.length} seeds are more than ${most} trials`,
      "Give fewer values.",
    );
  }
  return all;
}

type Settings = readonly (readonly [path: string, value: z.infer<typeof value>])[];

function combine(grid: readonly (readonly [string, readonly z.infer<typeof value>[]])[]): Settings[] {
  if (grid.length === 0) return [];
  return grid.reduce<Settings[]>(
    (all, [path, values]) => all.flatMap(settings => values.map(each => [...settings, [path, each] as const])),
    [[]],
  );
}

function nameBySettings(settings: Settings): Variation {
  const set = settings.map(([path, each]) => `${path}=${each}`);
  return { name: set.join(" "), set };
}

function drawVariations(random: Sweep["random"]): Variation[] {
  if (random === undefined) return [];
  const drawn = Array.from({ length: random.trials }, (_, trial) => {
    const draws = new RandomSequence(random.seed, streams.sampling, trial);
    return nameBySettings(
      Object.entries(random.values).map(([path, range]) => {
        if (Array.isArray(range)) return [path, range[draws.below(range.length)]!] as const;
        const { from, to, scale } = range;
        const at = draws.uniform();
        const drawn = scale === "log" ? from * (to / from) ** at : from + (to - from) * at;
        return [path, Number(drawn.toPrecision(4))] as const;
      }),
    );
  });
  // Of few values the same may be drawn again, which would be the same trial.
  return drawn.filter(({ name }, i) => drawn.findIndex(other => other.name === name) === i);
}
