// The arithmetic of a run's token, from the recipe in its folder.

import { countTokenFlops } from "../../objectives/objectives.ts";
import { readRunRecipe } from "../../train/run-folder.ts";

/** FLOPs of training on one token. UserErrors: those of reading the recipe, which may be another version's. */
export function countRunFlops(run: string): number {
  return countTokenFlops(readRunRecipe(run));
}
