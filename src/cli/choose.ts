// What the command line chooses for the rooms below: the backend, and the recipe by name or file with its overrides.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { crammedBert } from "../../recipes/crammed-bert.ts";
import { crammedBertSmall } from "../../recipes/crammed-bert-small.ts";
import { quickstart } from "../../recipes/quickstart.ts";
import type { Backend } from "../backends/backend.ts";
import { openCpu } from "../backends/cpu/cpu.ts";
import { openReference } from "../backends/reference/reference.ts";
import { nearestNames, UserError } from "../base/errors.ts";
import { readJson } from "../base/files.ts";
import { checkRecipe, overrideRecipe, type Recipe } from "../train/recipe.ts";

const recipes: readonly Recipe[] = [crammedBert, crammedBertSmall, quickstart];

export interface BackendOptions {
  readonly backend: string;
  readonly threads: string;
}

export function addBackendOptions(command: Command): Command {
  return command
    .option("--backend <name>", "cpu, or reference (slow, exact, needs no C compiler)", "cpu")
    .option("--threads <number>", "threads of the cpu backend; with the same number a run repeats its bits", "2");
}

/** Reads a whole number that an option needs. */
export function parseCount(option: string, text: string, least = 1): number {
  const count = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(count) && count >= least) return count;
  throw new UserError("E_OPTION", `${option} ${text}: not a whole number`, `Give a whole number from ${least}.`);
}

export async function openBackend(
  { backend, threads }: BackendOptions,
  precision: Recipe["train"]["precision"],
): Promise<Backend> {
  const count = parseCount("--threads", threads);
  if (backend === "cpu") return openCpu({ threads: count, precision });
  if (backend === "reference") {
    if (precision !== "bf16") return openReference();
    throw new UserError("E_OPTION", "the reference backend computes in float64", "Set train.precision to f32 or auto.");
  }
  throw new UserError("E_OPTION", `--backend ${backend}: no such backend`, "There are cpu and reference.");
}

export interface RecipeOptions {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly budget?: string;
}

export function addRecipeOptions(command: Command, fallback?: string): Command {
  return command
    .option("--recipe <name>", `${recipes.map(({ name }) => name).join(", ")}, or a recipe.json`, fallback)
    .option("--set <path=value>", "change one value of the recipe (repeat for more)", collect, []);
}

const collect = (value: string, before: readonly string[]) => [...before, value];

export function chooseRecipe({ recipe, set, budget }: RecipeOptions): Recipe {
  const found = recipes.find(({ name }) => name === recipe) ?? readRecipe(recipe);
  return overrideRecipe(found, budget === undefined ? set : [...set, `train.budget=${budget}`]);
}

function readRecipe(path: string): Recipe {
  if (path.endsWith(".json") || existsSync(path)) return checkRecipe(readJson(path, "recipe"), path);
  const names = recipes.map(({ name }) => name);
  const near = nearestNames(path, names);
  throw new UserError(
    "E_RECIPE_NAME",
    `no recipe is called "${path}"`,
    near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `There are ${names.join(", ")}, or give a recipe.json.`,
  );
}
