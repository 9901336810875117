// The recipes by name, and a recipe from its name, a file or a value, with its overrides.

import { existsSync } from "node:fs";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { nearestNames, UserError } from "../base/errors.ts";
import { readJson } from "../base/files/files.ts";
import { checkRecipe, overrideRecipe, type Recipe, replaceTraining } from "../train/recipe.ts";

const recipes: readonly Recipe[] = [crammedBert, crammedBertSmall, quickstart];
export const recipeNames = recipes.map(({ name }) => name);

export interface RecipeChoice {
  /** A name, the path of a recipe.json, or a recipe. */
  readonly recipe: string | Recipe;
  /** Assignments such as "model.width=256", the last one counts. */
  readonly set?: readonly string[] | undefined;
  /** "90s", "5m", "24h" or "300steps"; default: the recipe's own. */
  readonly budget?: string | undefined;
}

/** Errors: E_RECIPE_NAME, those of reading and checking a recipe, E_SET, E_BUDGET. */
export function chooseRecipe({ recipe, set = [], budget }: RecipeChoice): Recipe {
  const found =
    typeof recipe === "string" ? (recipes.find(({ name }) => name === recipe) ?? readRecipe(recipe)) : recipe;
  const chosen = overrideRecipe(found, set);
  return budget === undefined ? chosen : replaceTraining(chosen, { budget }, "--budget");
}

function readRecipe(path: string): Recipe {
  if (!path.endsWith(".json") && existsSync(path)) {
    throw new UserError(
      "E_RECIPE_NAME",
      `${path}: not a .json, and recipes are JSON`,
      `Write it as JSON: recipe.json in the folder of a run is a whole one. Or name ${recipeNames.join(", ")} and change values with --set.`,
    );
  }
  if (path.endsWith(".json")) return checkRecipe(readJson(path, "recipe"), path);
  const near = nearestNames(path, recipeNames);
  throw new UserError(
    "E_RECIPE_NAME",
    `no recipe is called "${path}"`,
    near.length > 0
      ? `Did you mean ${near.join(" or ")}?`
      : `There are ${recipeNames.join(", ")}, or give a recipe.json.`,
  );
}
