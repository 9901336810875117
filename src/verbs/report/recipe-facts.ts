// What a report takes from a run's recipe: the arithmetic of a token, if the recipe is still the one the run was trained with.

import { UserError } from "../../base/errors.ts";
import { countTokenFlops } from "../../objectives/objectives.ts";
import type { RecipeFacts } from "../../report/runs/run-record.ts";
import { checkTrainedRecipe, readRunRecipe } from "../../train/run-folder.ts";

/** UserErrors: those of reading the recipe, which may be another version's. */
export function readRecipeFacts(run: string): RecipeFacts {
  const recipe = readRunRecipe(run);
  try {
    checkTrainedRecipe(run, recipe);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (error.code === "E_RESUME_RECIPE") return { change: error.message };
    // Of what else is damaged the report says it where it reads that.
  }
  return { flopsPerToken: countTokenFlops(recipe) };
}
