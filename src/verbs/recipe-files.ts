// Recipes in files, JSON, YAML or a program's default export, whole or as changes to another: `extends` names that one, or its file
// beside this one. What comes out is a whole recipe, and nothing of it depends on the files any more.

import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";
import { UserError } from "../base/errors.ts";
import { checkRecipe, extendRecipe, type Recipe, type RecipeChanges } from "../train/recipe.ts";
import { readSettingsFile, settingsEndings } from "./settings-file.ts";

/** More files that extend each other would be nobody's intention. */
const deepestExtension = 16;

/** Whether a text is the path of a recipe's file rather than a name. */
export const isRecipeFile = (text: string): boolean => settingsEndings.includes(extname(text));

/**
 * The recipe of a file, with all that it extends. `findNamed` gives the recipe of a name, or throws. UserErrors: those of reading and
 * checking, E_RECIPE_EXTENDS.
 */
export function readRecipeFile(
  path: string,
  findNamed: (name: string) => Recipe,
  chain: readonly string[] = [],
): Recipe {
  const place = resolve(path);
  if (chain.includes(place)) {
    const circle = [...chain.slice(chain.indexOf(place)), place].map(file => basename(file)).join(" extends ");
    throw new UserError("E_RECIPE_EXTENDS", `${path}: recipes that extend each other: ${circle}`, "Let one be whole.");
  }
  if (chain.length === deepestExtension) {
    throw new UserError(
      "E_RECIPE_EXTENDS",
      `${path}: more than ${deepestExtension} recipes extend each other, the first ${chain[0]}`,
      "Make the first a whole one: cram recipe prints the resolved recipe of a file.",
    );
  }
  const value = readSettingsFile(path, "recipe");
  const stem = basename(path, extname(path));
  return resolveRecipe(value, path, stem, base =>
    isRecipeFile(base)
      ? readRecipeFile(isAbsolute(base) ? base : join(dirname(path), base), findNamed, [...chain, place])
      : findNamed(base),
  );
}

/**
 * A recipe as it was written, whole or with `extends`. Changes without a name of their own are called `fallbackName`: no two recipes
 * have one name by accident. UserErrors as readRecipeFile.
 */
export function resolveRecipe(
  value: unknown,
  origin: string,
  fallbackName: string,
  findBase: (base: string) => Recipe,
): Recipe {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return checkRecipe(value, origin);
  // A schema is for editors.
  const { $schema: _, extends: base, ...rest } = value as Record<string, unknown>;
  if (base === undefined) return checkRecipe(rest, origin);
  if (typeof base !== "string") {
    throw new UserError(
      "E_RECIPE_EXTENDS",
      `${origin}: extends is no text`,
      "Write a recipe's name, or the path of its file, in quotes.",
    );
  }
  return checkRecipe(extendRecipe(findBase(base), { name: fallbackName, ...rest } as RecipeChanges, origin), origin);
}
