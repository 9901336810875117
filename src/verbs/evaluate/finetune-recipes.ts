// The finetuning recipes by name, and one from its name, a file or a value, with its overrides.

import { existsSync } from "node:fs";
import { glue } from "../../../recipes/glue.ts";
import { nearestNames, UserError } from "../../base/errors.ts";
import { readWrittenJson } from "../../base/files/files.ts";
import {
  checkFinetuneRecipe,
  type FinetuneRecipe,
  overrideFinetuneRecipe,
} from "../../evaluate/finetuning/finetune-recipe.ts";
import type { EvaluateOptions } from "./evaluate-options.ts";

const recipes: readonly FinetuneRecipe[] = [glue];
export const finetuneRecipeNames: readonly string[] = recipes.map(({ name }) => name);

/** Errors: E_RECIPE_NAME, those of reading and checking a recipe, E_SET. */
export function chooseFinetuneRecipe({
  recipe = glue.name,
  set = [],
}: Pick<EvaluateOptions, "recipe" | "set">): FinetuneRecipe {
  const found =
    typeof recipe === "string" ? (recipes.find(({ name }) => name === recipe) ?? readRecipe(recipe)) : recipe;
  return overrideFinetuneRecipe(found, set);
}

function readRecipe(path: string): FinetuneRecipe {
  if (path.endsWith(".json") || existsSync(path))
    return checkFinetuneRecipe(readWrittenJson(path, "finetuning recipe"), path);
  const near = nearestNames(path, finetuneRecipeNames);
  throw new UserError(
    "E_RECIPE_NAME",
    `no finetuning recipe is called "${path}"`,
    near.length > 0
      ? `Did you mean ${near.join(" or ")}?`
      : `There is ${finetuneRecipeNames.join(", ")}, or give a .json file.`,
  );
}
