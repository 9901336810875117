// What a sweep is: trainings that differ in what is named, each with several seeds. Seeds decide initial parameters and the order of
// the data, so that trials of one seed differ in what was changed alone and can be compared in pairs.

import { z } from "zod";
import { UserError } from "../base/errors.ts";
import { countOf } from "../base/printable.ts";
import { checkSettings } from "../settings/settings.ts";
import { halvingSchema } from "./halving.ts";
import {
  drawAtRandom,
  drawSobol,
  mostTrials,
  type Settings,
  type SettingValue,
  searchSchema,
  settingValue,
  sobolSchema,
} from "./search-space.ts";

const assignments = z.array(z.string().regex(/^[^=]+=/, "an assignment, as in model.layers=6"));

/** What differs from the base. */
const change = z.union([
  assignments,
  z.strictObject({
    set: assignments.default([]),
    recipe: z.string().exactOptional(),
    data: z.string().exactOptional(),
  }),
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
  /** A dataset whose held-out part all are validated on, whatever they are trained on. */
  heldOut: z.string().exactOptional(),
  /** A text that nothing is trained on, a document a line: all are scored and compared in bits per byte of it, whatever their tokenizers. */
  heldOutText: z.string().exactOptional(),
  /** Passages of it, at most. */
  passages: z.int().min(1).max(1e6).exactOptional(),
  seeds: z.array(z.int().nonnegative()).min(1).max(1000).default([0, 1, 2]),
  /** Whether the recipe as it is is a trial, which the others are compared with. */
  base: z.boolean().default(true),
  /** Named changes, one at a time. */
  variations: z.record(z.string(), change).default({}),
  /** Every combination of the values of these settings. */
  grid: z.record(z.string(), z.array(settingValue).min(1)).default({}),
  /** Draws of these settings, each kept once; equal numbers for equal seeds. */
  random: searchSchema.exactOptional(),
  /** The same by Sobol's sequence, which leaves no large gaps. */
  sobol: sobolSchema.exactOptional(),
  /** Stops most trials early, and goes on with the best. */
  halving: halvingSchema.exactOptional(),
  /** Training time of all trials together, as in "8h", after which none is begun any more. */
  total: z.string().exactOptional(),
});

export type Sweep = z.infer<typeof schema>;

/** As it stands in the folder of a sweep. */
const writtenSchema = schema.extend({
  /** Names of variations that are the base by another name, which are not trained again. */
  likeBase: z.array(z.string()).default([]),
});

export type WrittenSweep = z.infer<typeof writtenSchema>;

/** One setting of everything, of which there is a trial a seed. */
export interface Variation {
  /** "base", a name, or the settings it consists of. */
  readonly name: string;
  readonly set: readonly string[];
  readonly recipe?: string | undefined;
  readonly data?: string | undefined;
}

export const baseName = "base";

const kind = { noun: "a sweep", advice: "cram sweep --help shows a whole one." };

/** UserErrors E_RECIPE_KEY, E_RECIPE_VALUE. */
export const checkSweep = (given: unknown, origin: string): Sweep => checkSettings(schema, given, origin, kind);

/** The same of the folder of a sweep. */
export const checkWrittenSweep = (given: unknown, origin: string): WrittenSweep =>
  checkSettings(writtenSchema, given, origin, kind);

/**
 * All variations, the base first. UserError E_SWEEP where there is none, two have one name or one seed, a name is no line, halving has several seeds, a
 * setting is one that the sweep decides, or there are more than 10,000.
 */
export function listVariations(sweep: Sweep): Variation[] {
  const named = Object.entries(sweep.variations).map(
    ([name, changed]): Variation => ({ name, ...(Array.isArray(changed) ? { set: changed } : changed) }),
  );
  const grid = Object.entries(sweep.grid);
  // Before they are listed: there may be more than memory holds.
  const combinations = grid.reduce((product, [, values]) => product * values.length, grid.length === 0 ? 0 : 1);
  refuseTooMany(combinations, sweep);
  const combined = combine(grid).map(nameBySettings);
  const drawn = drawSettings(sweep).map(nameBySettings);
  const base: Variation[] = sweep.base ? [{ name: baseName, set: [] }] : [];
  // Of few values the same may be drawn again, which would be the same trial.
  const distinct = new Map(drawn.map(variation => [variation.name, variation])).values();
  const all = [...base, ...named, ...combined, ...distinct];
  const names = new Set<string>();
  const twice = all.find(({ name }) => names.size === names.add(name).size);
  if (twice !== undefined) {
    throw new UserError("E_SWEEP", `two variations are called ${twice.name}`, "Give each a name of its own.");
  }
  refuseUnprintable(all);
  refuseUnread(sweep, all);
  if (sweep.passages !== undefined && sweep.heldOutText === undefined) {
    throw new UserError("E_SWEEP", "passages without a heldOutText that has them", "Give it, or leave passages out.");
  }
  if (all.length === 0) {
    throw new UserError("E_SWEEP", "a sweep without a variation", "Give variations, a grid, random or sobol.");
  }
  if (sweep.halving !== undefined && sweep.seeds.length > 1) {
    throw new UserError(
      "E_SWEEP",
      `halving with ${countOf(sweep.seeds.length, "seed")}: a variation that is stopped early is compared by one`,
      'Give "seeds": [0], and train the best again with several.',
    );
  }
  refuseTooMany(all.length, sweep);
  return all;
}

const drawSettings = ({ random, sobol }: Sweep): Settings[] => [
  ...(random === undefined ? [] : drawAtRandom(random)),
  ...(sobol === undefined ? [] : drawSobol(sobol)),
];

/** A sentence, where draws of few values repeat each other and fewer are trained than were asked for. */
export function describeRepeats(sweep: Sweep): string[] {
  const names = drawSettings(sweep).map(settings => nameBySettings(settings).name);
  const distinct = new Set(names).size;
  if (distinct === names.length) return [];
  return [
    `${names.length} draws were asked for, and ${distinct} of them ${distinct === 1 ? "is" : "are"} different: the same values are trained once`,
  ];
}

/** A name is a row of tables, and a line of what is printed. */
function refuseUnprintable(variations: readonly Variation[]): void {
  const found = variations.find(({ name }) => name.trim() === "" || /[\p{Cc}\u2028\u2029]/u.test(name));
  if (found === undefined) return;
  throw new UserError(
    "E_SWEEP",
    `a variation is called ${JSON.stringify(found.name)}: a name is one line`,
    "Give it a name without line ends and tabs, of one character at least.",
  );
}

function refuseTooMany(variations: number, { seeds }: Sweep): void {
  if (variations * seeds.length <= mostTrials) return;
  throw new UserError(
    "E_SWEEP",
    `${countOf(variations, "variation")} with ${countOf(seeds.length, "seed")} are more than ${mostTrials} trials`,
    "Give fewer values.",
  );
}

/** A trial of a seed that stands there twice is one. */
function refuseUnread({ seeds, budget, set }: Sweep, variations: readonly Variation[]): void {
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) < i);
  if (twice !== undefined) throw new UserError("E_SWEEP", `the seed ${twice} stands there twice`, "Leave one out.");
  const decided = ["train.seed", ...(budget === undefined ? [] : ["train.budget"])];
  refuseDecided("set", set, decided);
  for (const variation of variations) refuseDecided(variation.name, variation.set, decided);
}

/** UserError E_SWEEP for an assignment to one of the paths, which change nothing where seeds and budget are given for all trials. */
export function refuseDecided(origin: string, set: readonly string[], paths: readonly string[]): void {
  const path = set.map(assignment => assignment.split("=")[0]!.trim()).find(each => paths.includes(each));
  if (path === undefined) return;
  throw new UserError(
    "E_SWEEP",
    `${origin}: ${path} changes nothing where ${path === "train.seed" ? "seeds are" : "a budget is"} given for all trainings`,
    "Leave one of the two out.",
  );
}

function combine(grid: readonly (readonly [string, readonly SettingValue[]])[]): Settings[] {
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
