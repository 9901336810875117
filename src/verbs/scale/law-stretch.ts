// A law that is used for another run than its own: where it lies, and what of the run it was not fitted to.

import { join } from "node:path";
import type { LawFile } from "../../scaling/law-file.ts";
import { type LossInterval, predictInterval, widenInterval } from "../../scaling/loss-interval.ts";
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
    ...describeReach(law, { parameters, tokens }),
  ];
}

/** How often each is there of what the nearest fitted training had, where it lies outside of them by a twentieth and more. */
function listReaches(law: LawFile, run: Pick<StretchedRun, "parameters" | "tokens">): string[] {
  const fitted = {
    parameters: law.sizes.map(size => size.parameters),
    tokens: law.trainings.map(training => training.tokens),
  };
  return (["parameters", "tokens"] as const).flatMap(noun => {
    const [least, most] = [Math.min(...fitted[noun]), Math.max(...fitted[noun])];
    const show = (times: number) => (times < 10 ? times.toFixed(1) : Math.round(times).toLocaleString("en-US"));
    if (run[noun] > 1.05 * most) return [`${show(run[noun] / most)} times the most ${noun}`];
    return least > 1.05 * run[noun] ? [`${show(least / run[noun])} times fewer ${noun} than the least`] : [];
  });
}

/** No interval says that the form itself may fail. */
function describeReach(law: LawFile, run: Pick<StretchedRun, "parameters" | "tokens">): string[] {
  const reaches = listReaches(law, run);
  if (reaches.length === 0) return [];
  return [
    `outside what was fitted: ${reaches.join(", ")}; the interval is widened for that, and does not say that the law itself may fail there`,
  ];
}

/** What a law says of a run's loss; outside what it was fitted to, no surer than its trainings allow. */
export function predictRunLoss(law: LawFile, run: Pick<StretchedRun, "parameters" | "tokens">): LossInterval {
  const interval = predictInterval(law.law, law.resampled, run);
  if (listReaches(law, run).length === 0) return interval;
  const parametersOf = new Map(law.sizes.map(({ name, parameters }) => [name, parameters]));
  const measured = law.trainings.flatMap(({ size, tokens, loss }) => {
    const parameters = parametersOf.get(size);
    return parameters === undefined ? [] : [{ parameters, tokens, loss }];
  });
  return widenInterval(law.law, measured, interval, run);
}
