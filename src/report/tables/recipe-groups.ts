// Runs of one recipe with several seeds as one: the mean of what they end at and how far it is spread, the best recipe first.

import type { RunRecord } from "../runs/run-record.ts";
import { type Field, type Table, tabulate } from "./table.ts";

export interface RecipeGroup {
  /** The recipe's name; of recipes that share it and differ elsewhere, that of the first of their runs. */
  readonly name: string;
  readonly runs: readonly RunRecord[];
  /** Of the last validation losses, over the runs that have one. */
  readonly mean: number | undefined;
  /** Of a sample: with n - 1. Undefined for fewer than two runs. */
  readonly deviation: number | undefined;
}

/** Runs on the same data whose recipes have the same values but for name and seed, the lowest mean first, without a mean last. */
export function groupByRecipe(runs: readonly RunRecord[]): RecipeGroup[] {
  const members = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const values = [...run.recipe].filter(([path]) => path !== "name" && path !== "train.seed");
    // A run whose recipe could not be read is like no other.
    const isKnown = values.length > 0;
    const { dataset, folder } = run.data;
    const extended = run.curves.starts.at(-1)?.budget;
    const key = JSON.stringify(isKnown ? [values, dataset?.hash ?? folder, extended] : run.name);
    members.set(key, [...(members.get(key) ?? []), run]);
  }
  const named = [...members.values()].map(group => ({ group, name: String(group[0]!.recipe.get("name") ?? "") }));
  return named
    .map(({ group, name }): RecipeGroup => {
      const isAlone = name !== "" && named.filter(other => other.name === name).length === 1;
      const losses = group.flatMap(({ curves }) => curves.validations.loss.at(-1) ?? []);
      return { name: isAlone ? name : group[0]!.name, runs: group, ...describeSpread(losses) };
    })
    .sort((a, b) => (a.mean ?? Number.POSITIVE_INFINITY) - (b.mean ?? Number.POSITIVE_INFINITY));
}

function describeSpread(values: readonly number[]): Pick<RecipeGroup, "mean" | "deviation"> {
  if (values.length === 0) return { mean: undefined, deviation: undefined };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length === 1) return { mean, deviation: undefined };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** A row a recipe; no rows where every recipe has one run. */
export function tabulateRecipeGroups(runs: readonly RunRecord[]): Table {
  const groups = groupByRecipe(runs);
  const best = groups[0]?.mean;
  const fields: readonly Field<RecipeGroup>[] = [
    { key: "recipe", name: "recipe", quantity: "text", of: ({ name }) => name },
    { key: "runs", name: "runs", quantity: "count", of: group => group.runs.length },
    {
      ...{ key: "meanLoss", name: "last validation loss, mean", quantity: "nats", isLowestBest: true },
      of: ({ mean }) => mean,
    },
    { key: "deviation", name: "standard deviation over seeds", quantity: "nats", of: ({ deviation }) => deviation },
    {
      ...{ key: "aboveBest", name: "above the best", quantity: "nats" },
      of: ({ mean }) => (mean === undefined || best === undefined ? undefined : mean - best),
    },
  ];
  const shown = groups.some(group => group.runs.length > 1) ? groups : [];
  return tabulate({ id: "recipe-groups", caption: "Recipes over their seeds, best first" }, shown, fields);
}
