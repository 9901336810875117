// A ladder: what is asked for, resolved to sizes with their recipes, and the sweep of each budget.

import { UserError } from "../../base/errors.ts";
import { countTokenFlops, countTrained } from "../../objectives/objectives.ts";
import { listDefaultSizes, type ModelSize, makeSize } from "../../scaling/sizes.ts";
import { checkSweep, type Sweep } from "../../sweep/sweep.ts";
import { parseBudget } from "../../train/budget.ts";
import type { Recipe } from "../../train/recipe.ts";
import { chooseRecipe } from "../recipe.ts";

export interface LadderChoice {
  /** A name, or the path of a recipe's file. */
  readonly recipe: string;
  readonly set?: readonly string[] | undefined;
  /** "128x2": width and layers. Default: six around the recipe's own. */
  readonly sizes?: readonly string[] | undefined;
  /** "60s" or "300steps". Default: a fifth of the recipe's, half of it, and that. */
  readonly budgets?: readonly string[] | undefined;
  /** Default 0. */
  readonly seeds?: readonly number[] | undefined;
}

export interface LadderSize extends ModelSize {
  readonly parameters: number;
  readonly flopsPerToken: number;
}

export interface Ladder {
  readonly recipe: Recipe;
  /** By parameters, the largest last. */
  readonly sizes: readonly LadderSize[];
  readonly budgets: readonly string[];
  /** Of some sizes at one budget. */
  makeSweep(sizes: readonly LadderSize[], budget: string): Sweep;
}

/** UserErrors: E_SCALE for sizes and budgets that are none, are one or stand twice, those of choosing a recipe, E_BUDGET. */
export function makeLadder(choice: LadderChoice): Ladder {
  const { set = [], seeds = [0] } = choice;
  // The recipe's own budget is what theirs are shares of.
  const shared = choice.budgets === undefined ? set.filter(each => !/^train\.budget\s*=/.test(each.trim())) : set;
  const recipe = chooseRecipe(choice);
  const budgets = choice.budgets ?? shortenBudget(recipe.train.budget);
  for (const budget of budgets) parseBudget(budget, "--budgets");
  const names = choice.sizes ?? listDefaultSizes(recipe.model);
  refuseTwice("size", names);
  refuseTwice("budget", budgets);
  const sizes = names.map(name => {
    const size = makeSize(name, recipe.model);
    const own = chooseRecipe({ ...choice, set: [...set, ...size.set] });
    return { ...size, parameters: countTrained(own), flopsPerToken: countTokenFlops(own) };
  });
  if (sizes.length < 2) throw new UserError("E_SCALE", "a ladder of one size", "Give more with --sizes.");
  return {
    recipe,
    sizes: sizes.sort((a, b) => a.parameters - b.parameters),
    budgets,
    makeSweep: (some, budget) =>
      checkSweep(
        {
          recipe: choice.recipe,
          set: shared,
          budget,
          seeds: [...seeds],
          base: false,
          variations: Object.fromEntries(some.map(size => [size.name, size.set])),
        },
        "the ladder",
      ),
  };
}

function shortenBudget(text: string): string[] {
  const budget = parseBudget(text);
  return [1 / 5, 1 / 2, 1].map(share =>
    budget.kind === "steps" ? `${Math.ceil(share * budget.steps)}steps` : `${share * budget.seconds}s`,
  );
}

function refuseTwice(noun: string, values: readonly string[]): void {
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined) throw new UserError("E_SCALE", `the ${noun} ${twice} stands there twice`, "Leave one out.");
}
