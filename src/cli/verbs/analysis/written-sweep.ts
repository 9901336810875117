// A sweep that is written on the command line: --set with several values, divided by commas, is a grid of them. What a file says beside
// that, it says alone.

import { UserError } from "../../../base/errors.ts";
import { checkSweep, type Sweep } from "../../../sweep/sweep.ts";
import { parseBudget } from "../../../train/budget.ts";
import { parseCount } from "../../numbers.ts";

export interface WrittenSweep {
  readonly recipe?: string;
  readonly set?: readonly string[];
  readonly seeds?: string;
  readonly budget?: string;
}

export const isWritten = (flags: WrittenSweep): boolean =>
  [flags.recipe, flags.set, flags.seeds, flags.budget].some(given => given !== undefined);

/** As many seeds as --seeds says, from 0 on; three unless it is given. UserErrors E_OPTION, E_RECIPE_VALUE. */
export function writeSweep({ recipe, set = [], seeds = "3", budget }: WrittenSweep): Sweep {
  if (recipe === undefined) {
    throw new UserError("E_OPTION", "--set, --seeds or --budget without a recipe", "Give --recipe, or a sweep's file.");
  }
  if (budget !== undefined) parseBudget(budget, "--budget");
  const several = set.filter(holdsSeveral);
  const twice = several.map(pathOf).find(path => set.filter(assignment => pathOf(assignment) === path).length > 1);
  if (twice !== undefined) {
    throw new UserError(
      "E_OPTION",
      `--set ${twice}=… stands there twice, with several values`,
      "Write all values of it in one: --set path=a,b,c.",
    );
  }
  const grid = Object.fromEntries(several.map(assignment => [pathOf(assignment), splitValues(assignment)]));
  return checkSweep(
    {
      recipe,
      set: set.filter(assignment => !holdsSeveral(assignment)),
      grid,
      seeds: Array.from({ length: parseCount("--seeds", seeds, 1, 1000) }, (_, seed) => seed),
      ...(budget !== undefined && { budget }),
    },
    "the command line",
  );
}

/** A list, an object or a text in quotes is one value, whatever commas it has. */
const holdsSeveral = (assignment: string): boolean => /^[^=]+=\s*[^[{"\s][^,]*,/.test(assignment);

const pathOf = (assignment: string): string => assignment.split("=", 1)[0]!.trim();

const isNumber = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i;

/** Numbers as numbers, so that 1e-3 and 0.001 are seen to be one value, as in a file. */
function splitValues(assignment: string): (string | number)[] {
  const values = assignment.slice(assignment.indexOf("=") + 1).split(",");
  return values.map(value => value.trim()).map(value => (isNumber.test(value) ? +value : value));
}
