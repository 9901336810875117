// A sweep that is written on the command line: --set with several values, divided by commas, is a grid of them. What a file says beside
// that, it says alone.

import { UserError } from "../../../base/errors.ts";
import { checkSweep, type Sweep } from "../../../sweep/sweep.ts";
import { parseCount } from "../../choose.ts";

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
  const grid = Object.fromEntries(set.filter(holdsSeveral).map(splitValues));
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

function splitValues(assignment: string): [path: string, values: string[]] {
  const at = assignment.indexOf("=");
  return [
    assignment.slice(0, at).trim(),
    assignment
      .slice(at + 1)
      .split(",")
      .map(value => value.trim()),
  ];
}
