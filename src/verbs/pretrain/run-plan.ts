// What a training is asked to do, before anything is opened: a new run with its recipe and folder, or one that goes on as it was
// begun.

import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { UserError } from "../../base/errors.ts";
import { type Budget, extendBudget, parseBudget } from "../../train/budget.ts";
import { findLazyEnd } from "../../train/lazy-faults.ts";
import { type Recipe, replaceTraining } from "../../train/recipe.ts";
import { readRunData, readRunRecipe } from "../../train/run-folder.ts";
import { chooseRecipe, type RecipeChoice } from "../recipe.ts";

/** What pretrain uses where nothing names a recipe: the paper's. */
export const fallbackRecipe = "crammed-bert";

/** A run that is to be begun, or to be continued as it was begun. */
export interface RunPlan {
  readonly run: string;
  /** Whether -2, -3, … is put behind the folder's name where something stands there. */
  readonly takesFreeName?: boolean | undefined;
  readonly recipe: Recipe;
  /** The recipe's, read. */
  readonly budget: Budget;
  readonly data: string;
  readonly isNew: boolean;
  /** The step of the checkpoint to go back to; without one a run goes on from its newest. */
  readonly fromStep?: number | undefined;
  /** What is added to its budget. */
  readonly extend?: Budget | undefined;
  /** The folder of the model it begins with; without one parameters are drawn. */
  readonly initFrom?: string | undefined;
  /** Whether the micro-batch is to be the largest that the backend's memory holds, instead of the recipe's. */
  readonly fitsMemory?: boolean | undefined;
  /** What the choices leave out of the recipe that was named, a sentence each. */
  readonly leftOut?: readonly string[] | undefined;
  /** Whether every shard is read and compared, also those that are as they were when they were compared before. */
  readonly verify?: boolean | undefined;
}

export interface NewRun extends Partial<RecipeChoice> {
  /** A dataset that `prepare` made. */
  readonly data: string;
  /** The run's folder; default: runs/ and the recipe with the date. */
  readonly out?: string | undefined;
  /** A run, an export, or a model of Hugging Face's or the reference's, to go on training from. */
  readonly initFrom?: string | undefined;
  /** Sequences of one pass through the model in place of the recipe's, or auto: as many as the memory holds. */
  readonly microBatch?: number | "auto" | undefined;
  /** Reads all of the dataset first, to compare it with its hashes. Default: shards whose size and times changed since they were read. */
  readonly verify?: boolean | undefined;
}

export interface ResumedRun {
  /** The folder of an interrupted run. Its recipe and its data are its own. */
  readonly resume: string;
  /** Where the run's dataset is now; default: where it was. */
  readonly data?: string | undefined;
  /** The step of an older checkpoint to go back to: what came after it is trained anew. Default: the newest checkpoint. */
  readonly fromStep?: number | undefined;
  /** Added to the run's budget, finished or not: "2h" or "500steps". The schedules are those of the whole from there on. */
  readonly extend?: string | undefined;
  /** As of a new run. */
  readonly verify?: boolean | undefined;
}

export function planNewRun({
  data,
  out,
  recipe = fallbackRecipe,
  set = [],
  budget,
  initFrom,
  microBatch,
  verify,
}: NewRun): RunPlan {
  if (typeof data !== "string") {
    throw new UserError("E_OPTION", "no data is given", "Give the folder of a dataset, as data, or a run to resume.");
  }
  const named = chooseRecipe({ recipe, set, budget });
  const chosen =
    microBatch !== undefined && microBatch !== "auto"
      ? replaceTraining(named, { microBatchSequences: microBatch }, "--micro-batch")
      : named;
  const stamp = systemClock.date().toISOString().slice(0, 16).replace("T", "-").replace(":", "");
  return {
    run: out ?? join("runs", `${nameFolder(chosen.name)}-${stamp}`),
    takesFreeName: out === undefined,
    recipe: chosen,
    budget: parseBudget(chosen.train.budget),
    data,
    isNew: true,
    initFrom,
    fitsMemory: microBatch === "auto",
    leftOut: set.length === 0 ? [] : listLeftOut(chooseRecipe({ recipe }), chosen, set),
    verify,
  };
}

/** Of the objective, for another one was chosen: what the one before was given, and nobody reads any more; and a lazy update that cannot be. */
function listLeftOut(named: Recipe, chosen: Recipe, set: readonly string[]): string[] {
  const { objective } = chosen;
  const isOwn = (path: string) => set.some(assignment => assignment.startsWith(`${path}=`));
  const unread = Object.entries(named.objective ?? {})
    .filter(([key]) => !Object.hasOwn(objective ?? {}, key) && !isOwn(`objective.${key}`))
    .map(
      ([key, value]) =>
        `objective.${key} ${value} of ${named.name} is left out: objective.name ${objective?.name} has none`,
    );
  const lazyEnd = isOwn("optimizer.lazyEmbedding") ? undefined : findLazyEnd(named, chosen);
  return lazyEnd === undefined
    ? unread
    : [...unread, `optimizer.lazyEmbedding of ${named.name} is left out: ${lazyEnd}`];
}

/** A recipe's name as one of a folder in runs/, and of none elsewhere. */
function nameFolder(recipe: string): string {
  const name = recipe.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[.-]+/, "");
  return name.slice(0, 100) || "run";
}

/** UserError E_FILE_MISSING where no run was begun. */
export function planResumedRun({ resume, data, fromStep, extend, verify }: ResumedRun): RunPlan {
  const more = extend === undefined ? undefined : parseBudget(extend, "--extend");
  const recipe = readRunRecipe(resume);
  const budget = parseBudget(recipe.train.budget);
  // Refused before anything is opened.
  if (more !== undefined) extendBudget(budget, more);
  const planned = { run: resume, recipe, budget, data: data ?? readRunData(resume), isNew: false } as const;
  return { ...planned, fromStep, extend: more, verify };
}
