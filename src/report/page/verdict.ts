// What a report says first: one sentence on how low the loss came, how soon, and how far below what frequencies alone give.

import { formatWithUnit } from "../quantity.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { groupByRecipe, type RecipeGroup } from "../tables/recipe-groups.ts";

/** Of recipes over their seeds where one has several, else of runs. Undefined where no run was validated. */
export function describeVerdict(runs: readonly RunRecord[]): string | undefined {
  const groups = groupByRecipe(runs);
  return groups.length > 1 && groups.some(({ deviation }) => deviation !== undefined)
    ? describeRecipes(groups)
    : describeRuns(runs);
}

function describeRecipes(groups: readonly RecipeGroup[]): string {
  const [best, next] = groups as [RecipeGroup, RecipeGroup];
  const say = ({ mean = Number.NaN, deviation, runs }: RecipeGroup) =>
    deviation === undefined
      ? `${mean.toFixed(2)} nats`
      : `${mean.toFixed(2)} ± ${deviation.toFixed(2)} nats over ${runs.length} seeds`;
  const after = `${best.name} is lowest of ${groups.length} recipes: ${say(best)}`;
  return next.mean === undefined ? `${after}.` : `${after}; next is ${next.name}, ${say(next)}.`;
}

function describeRuns(runs: readonly RunRecord[]): string | undefined {
  const ended = runs
    .flatMap(run => {
      const loss = run.curves.validations.loss.at(-1);
      return loss === undefined ? [] : [{ run, loss }];
    })
    .sort((a, b) => a.loss - b.loss);
  const [best, ...others] = ended;
  if (best === undefined) return undefined;
  const { curves, name } = best.run;
  const seconds = curves.validations.elapsedSeconds.at(-1)!;
  const entropy = curves.starts[0]?.unigramEntropy;
  const below = entropy === undefined || !Number.isFinite(entropy) ? undefined : entropy - best.loss;
  const line =
    below === undefined ? "" : `, ${Math.abs(below).toFixed(2)} ${below < 0 ? "above" : "below"} the unigram line`;
  const after = `${best.loss.toFixed(2)} nats after ${formatWithUnit(Number(seconds.toPrecision(2)), "seconds")}${line}`;
  if (runs.length === 1) return `${after}.`;
  const [next] = others;
  if (next === undefined) return `${name}: ${after}.`;
  return `${name} is lowest of ${runs.length}: ${after}; next is ${next.run.name}, ${(next.loss - best.loss).toFixed(2)} higher.`;
}
