// A law that is used for another run than its own: where it lies, and what of the run it was not fitted to.

import { join } from "node:path";
import type { LawFile } from "../../scaling/law-file.ts";
import type { Recipe } from "../../train/recipe.ts";
import { compareRecipes } from "../recipe.ts";

export const lawName = "law.json";

/** Of a ladder's folder, or the file itself. */
export const placeOfLaw = (path: string): string => (path.endsWith(".json") ? path : join(path, lawName));

/** What a ladder varies, and what changes no loss. */
const free = [
  ...["model.width", "model.layers", "model.heads", "model.feedForward", "train.budget", "train.seed"],
  ...["train.validations", "train.checkpointEverySeconds", "train.recompute", "train.precision"],
];

export interface StretchedRun {
  readonly recipe: Recipe;
  readonly parameters: number;
  readonly tokens: number;
  /** Hash of the documents; undefined where no dataset is given. */
  readonly dataset: string | undefined;
}

/** Why what the law says may not hold for a run, a sentence each. */
export function describeStretch(law: LawFile, { recipe, parameters, tokens, dataset }: StretchedRun): string[] {
  const others = compareRecipes(recipe, law.recipe as unknown as Recipe).filter(({ path }) => !free.includes(path));
  const show = (value: unknown) => (value === undefined ? "not set" : JSON.stringify(value));
  const recipes = others
    .slice(0, 3)
    .map(({ path, values: [own, its] }) => `${path} is ${show(own)} and was ${show(its)}`)
    .join(", ");
  const more = others.length > 3 ? `, and ${others.length - 3} more` : "";
  return [
    ...(others.length === 0 ? [] : [`the law was fitted to another recipe: ${recipes}${more}`]),
    ...(dataset === undefined || dataset === law.dataset ? [] : ["the law was fitted to other text"]),
    ...describeReach(
      "parameters",
      parameters,
      law.sizes.map(size => size.parameters),
    ),
    ...describeReach(
      "tokens",
      tokens,
      law.trainings.map(training => training.tokens),
    ),
  ];
}

/** Beyond twice the most or half of the least the interval does not say that the form itself may fail. */
function describeReach(noun: string, value: number, fitted: readonly number[]): string[] {
  const [least, most] = [Math.min(...fitted), Math.max(...fitted)];
  if (value >= least / 2 && value <= 2 * most) return [];
  const round = (count: number) => Math.round(count).toLocaleString("en-US");
  return [
    `the law is stretched: it was fitted to ${round(least)} to ${round(most)} ${noun}, and the run has ${round(value)}`,
  ];
}
