// The recipes by name, and a recipe from its name, a file or a value, with its overrides.

import { existsSync } from "node:fs";
import { bertBase } from "../../recipes/bert-base.ts";
import { bertOriginal } from "../../recipes/bert-original.ts";
import { bertTiny } from "../../recipes/bert-tiny.ts";
import { crammedBase } from "../../recipes/crammed-base.ts";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { bertLargeIzsak, crammedLarge } from "../../recipes/crammed-large.ts";
import { crammedMini, crammedMini64k, crammedMini256 } from "../../recipes/crammed-mini.ts";
import { crammedSmall, crammedSmall64k } from "../../recipes/crammed-small.ts";
import { bertC2, bertC3, bertC4, bertI4, crammedBertLegacy } from "../../recipes/crammed-steps.ts";
import { funnel } from "../../recipes/funnel.ts";
import { modernBert } from "../../recipes/modern-bert.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import { recurrent } from "../../recipes/recurrent.ts";
import { nearestNames, UserError } from "../base/errors.ts";
import {
  listRecipeChoices,
  overrideRecipe,
  type Recipe,
  type RecipeChanges,
  replaceTraining,
} from "../train/recipe.ts";
import { isRecipeFile, readRecipeFile, resolveRecipe } from "./recipe-files.ts";
import { settingsEndings } from "./settings-file.ts";

const paper = "Geiping & Goldstein 2022, arXiv 2212.14034";

/** Of each what it is for and whose it is, for lists. */
const recipes: readonly { readonly recipe: Recipe; readonly summary: string; readonly source: string }[] = [
  {
    recipe: crammedBert,
    summary: "the paper's final recipe, for one day on a GPU",
    source: paper,
  },
  {
    recipe: crammedBertSmall,
    summary: "the same at a size that a CPU trains in minutes or hours",
    source: "this project",
  },
  { recipe: quickstart, summary: "learns in three minutes on two cores", source: "this project" },
  { recipe: crammedMini, summary: "learns more in ten minutes on two cores", source: "this project" },
  { recipe: crammedMini256, summary: "learns more in ten minutes on two cores with AMX", source: "this project" },
  { recipe: crammedMini64k, summary: "the same with most words as one token", source: "this project" },
  { recipe: crammedSmall, summary: "learns to compare sentences in an hour on two cores", source: "this project" },
  { recipe: crammedSmall64k, summary: "the same with most words as one token", source: "this project" },
  {
    recipe: crammedBase,
    summary: "crammed-small's choices at BERT-base's size, for one day on a GPU",
    source: "this project",
  },
  {
    recipe: bertOriginal,
    summary: "BERT-base as it was trained, within a budget",
    source: "Devlin et al. 2019, arXiv 1810.04805",
  },
  { recipe: bertBase, summary: "the paper's starting point: BERT's shape, AdamW, a cosine", source: paper },
  { recipe: bertC2, summary: "bert-base with norms before and scaled sinusoids", source: paper },
  { recipe: bertC3, summary: "bert-c2 without the head's transform and bias", source: paper },
  { recipe: bertC4, summary: "gated, without biases, four heads", source: paper },
  { recipe: bertI4, summary: "wider and shallower, for the smallest card", source: paper },
  { recipe: crammedBertLegacy, summary: "the final recipe of the paper's first version", source: paper },
  { recipe: crammedLarge, summary: "BERT-large's shape with crammed-bert's training", source: paper },
  { recipe: bertLargeIzsak, summary: "BERT-large in a day", source: "Izsak et al. 2021, arXiv 2104.07705" },
  { recipe: bertTiny, summary: "four narrow layers behind a narrower embedding", source: paper },
  { recipe: recurrent, summary: "bert-c2 with two layers run through twelve times", source: paper },
  { recipe: funnel, summary: "bert-c2 with sequences halved to two rows and doubled back", source: paper },
  {
    recipe: modernBert,
    summary: "ModernBERT-base's shape, mask rate and schedule in a day",
    source: "Warner et al. 2024, arXiv 2412.13663",
  },
];
export const recipeNames = recipes.map(({ recipe }) => recipe.name);

/** Changes to another recipe: its name, or the path of its file. */
export type ExtendingRecipe = { readonly extends: string } & RecipeChanges;

export interface RecipeChoice {
  /** A name, the path of a recipe's file (.json, .yaml, .ts, .mjs), a recipe, or changes to one. */
  readonly recipe: string | Recipe | ExtendingRecipe;
  /** Assignments such as "model.width=256", the last one counts. */
  readonly set?: readonly string[] | undefined;
  /** "90s", "5m", "24h" or "300steps"; default: the recipe's own. */
  readonly budget?: string | undefined;
}

/** Errors: E_RECIPE_NAME, E_RECIPE_EXTENDS, those of reading and checking a recipe, E_SET, E_BUDGET. */
export function chooseRecipe({ recipe, set = [], budget }: RecipeChoice): Recipe {
  const found = typeof recipe === "string" ? findRecipe(recipe) : resolveRecipe(recipe, "recipe", "", findRecipe);
  const chosen = overrideRecipe(found, set);
  return budget === undefined ? chosen : replaceTraining(chosen, { budget }, "--budget");
}

const findRecipe = (text: string): Recipe => (isRecipeFile(text) ? readRecipeFile(text, findNamed) : findNamed(text));

function findNamed(name: string): Recipe {
  const found = recipes.find(({ recipe }) => recipe.name === name);
  if (found !== undefined) return found.recipe;
  const near = nearestNames(name, recipeNames);
  if (near.length === 0 && existsSync(name)) {
    throw new UserError(
      "E_RECIPE_NAME",
      `${name}: no file of a recipe, whose names end in ${settingsEndings.join(", ")}`,
      `recipe.json in the folder of a run is a whole one. Or name ${recipeNames.join(", ")} and change values with --set.`,
    );
  }
  throw new UserError(
    "E_RECIPE_NAME",
    `no recipe is called "${name}"`,
    near.length > 0
      ? `Did you mean ${near.join(" or ")}?`
      : `There are ${recipeNames.join(", ")}, or give the file of one.`,
  );
}

/** The recipes there are, and every choice that one makes. */
export function listChoices() {
  const named = recipes.map(({ recipe, summary, source }) => ({ name: recipe.name, summary, source, settings: [] }));
  return [{ path: "recipe", options: named }, ...listRecipeChoices()];
}

/** A value that two recipes have otherwise; undefined where one has none. */
export interface RecipeDifference {
  /** "model.width". */
  readonly path: string;
  readonly values: readonly [first: unknown, second: unknown];
}

/** Where two recipes differ, names aside, in the order of the first. */
export function compareRecipes(first: Recipe, second: Recipe): RecipeDifference[] {
  const { name: _, ...one } = first;
  const { name: __, ...other } = second;
  return compareValues("", one, other);
}

function compareValues(path: string, first: unknown, second: unknown): RecipeDifference[] {
  const isSection = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isSection(first) || !isSection(second)) {
    return JSON.stringify(first) === JSON.stringify(second) ? [] : [{ path, values: [first, second] }];
  }
  const keys = [...new Set([...Object.keys(first), ...Object.keys(second)])];
  return keys.flatMap(key => compareValues(path === "" ? key : `${path}.${key}`, first[key], second[key]));
}
