// What `cram evaluate` is asked to do: its flags as tasks with a reader of their files, and as a finetuning recipe.

import { existsSync } from "node:fs";
import { glue } from "../../../recipes/glue.ts";
import { nearestNames, UserError } from "../../base/errors.ts";
import { readJson } from "../../base/files/files.ts";
import {
  checkFinetuneRecipe,
  type FinetuneRecipe,
  overrideFinetuneRecipe,
} from "../../evaluate/finetuning/finetune-recipe.ts";
import { findSuite, selectTasks } from "../../evaluate/suites/suites.ts";
import { readConllTask } from "../../evaluate/tasks/conll.ts";
import { readOwnTask } from "../../evaluate/tasks/own-task.ts";
import { readTask } from "../../evaluate/tasks/read-task.ts";
import type { Suite, Task, TaskData } from "../../evaluate/tasks/task.ts";
import { type Separator, separators } from "../../tables/formats/separator.ts";
import type { BackendOptions } from "../choose.ts";

export interface EvaluateFlags extends BackendOptions {
  readonly suite?: string;
  readonly suiteDir?: string;
  readonly glueDir?: string;
  readonly tasks?: string;
  readonly task?: string;
  readonly name?: string;
  readonly separator?: string;
  readonly text: readonly string[];
  readonly label?: string;
  readonly validation?: string;
  readonly test?: string;
  readonly kind?: string;
  readonly recipe?: string;
  readonly set: readonly string[];
  readonly seeds?: string;
  readonly controls?: boolean;
  readonly keepModels?: boolean;
  readonly maxTrain?: string;
  readonly submission?: string;
  readonly out?: string;
  readonly json?: boolean;
}

export interface ChosenTasks {
  /** Undefined for a user's own file. */
  readonly suite: Suite | undefined;
  /** Folder under evaluations/. */
  readonly name: string;
  readonly tasks: readonly Task[];
  readonly readData: (task: Task) => Promise<TaskData>;
}

/** UserErrors: E_OPTION for flags that do not go together; those of finding a suite and of reading a user's file. */
export async function chooseTasks(flags: EvaluateFlags): Promise<ChosenTasks> {
  if (flags.task !== undefined) return chooseOwnTask(flags.task, flags);
  refuseFlags(
    flags,
    ["label", "validation", "test", "kind", "name", "separator"],
    "goes with --task, a file of your own",
  );
  if (flags.text.length > 0) throw unfit("--text", "goes with --task, a file of your own");
  const { suite, folder } = chooseSuiteFolder(flags);
  const tasks = selectTasks(
    suite,
    flags.tasks?.split(",").map(name => name.trim()),
  );
  const test = flags.submission !== undefined;
  return { suite, name: suite.name, tasks, readData: task => readTask(task, folder, { test }) };
}

function chooseSuiteFolder({ suite, suiteDir, glueDir }: EvaluateFlags): { suite: Suite; folder: string } {
  if (glueDir !== undefined) {
    if (suiteDir !== undefined) throw unfit("--glue-dir", "and --suite-dir name the same thing");
    if (suite !== undefined && suite !== "glue") throw unfit("--glue-dir", `is not where ${suite} is; use --suite-dir`);
    return { suite: findSuite("glue"), folder: glueDir };
  }
  if (suite === undefined || suiteDir === undefined) {
    throw new UserError(
      "E_OPTION",
      "nothing to evaluate on",
      "Give --glue-dir, or --suite with --suite-dir, or a file of your own with --task.",
    );
  }
  return { suite: findSuite(suite), folder: suiteDir };
}

async function chooseOwnTask(path: string, flags: EvaluateFlags): Promise<ChosenTasks> {
  refuseFlags(flags, ["suite", "suiteDir", "glueDir", "tasks", "submission"], "does not go with --task");
  const data = await readOwnData(path, flags);
  return { suite: undefined, name: "own", tasks: [data.task], readData: async () => data };
}

async function readOwnData(path: string, flags: EvaluateFlags): Promise<TaskData> {
  const { text: texts, label, validation, test, kind, name } = flags;
  if (name !== undefined && !/[\p{L}\p{N}]/u.test(name)) throw unfit("--name", "wants letters or digits");
  const named = name === undefined ? {} : { name };
  const files = {
    path,
    ...named,
    ...(validation !== undefined && { validation }),
    ...(test !== undefined && { test }),
    seed: 0,
  };
  if (kind === "tokens") {
    if (texts.length > 0) throw unfit("--text", "is not read with --kind tokens");
    refuseFlags(
      flags,
      ["label", "test", "separator"],
      "is not read with --kind tokens: words and tags are the first and last columns",
    );
    return readConllTask(files);
  }
  if (kind !== undefined && kind !== "classification" && kind !== "regression") {
    throw new UserError("E_OPTION", `--kind ${kind}: no such kind`, "There are classification, regression and tokens.");
  }
  if (texts.length === 0 || label === undefined) {
    throw new UserError(
      "E_OPTION",
      `--task ${path}: which columns are the text and the label?`,
      "Give --text COLUMN, once for each text, and --label COLUMN; or --kind tokens for words with tags.",
    );
  }
  return readOwnTask({ ...files, ...chooseSeparator(flags), texts, label, ...(kind !== undefined && { kind }) });
}

function chooseSeparator({ separator: given }: EvaluateFlags): { separator?: Separator } {
  if (given === undefined) return {};
  const separator = given === "tab" || given === "\\t" ? "\t" : separators.find(each => each === given);
  if (separator !== undefined) return { separator };
  throw new UserError("E_OPTION", `--separator ${given}: no such separator`, 'There are "," ";" "|" and tab.');
}

/** Refuses what would be ignored. */
export function refuseFlags(flags: EvaluateFlags, names: readonly (keyof EvaluateFlags)[], why: string): void {
  const given = names.find(name => flags[name] !== undefined);
  if (given !== undefined) throw unfit(`--${given.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`, why);
}

function unfit(option: string, why: string): UserError {
  return new UserError("E_OPTION", `${option} ${why}`, "cram evaluate --help has examples.");
}

const recipes: readonly FinetuneRecipe[] = [glue];
export const recipeNames = recipes.map(({ name }) => name);

/** A finetuning recipe by name or from a .json file, with the overrides of --set. */
export function chooseFinetuneRecipe({
  recipe = glue.name,
  set,
}: Pick<EvaluateFlags, "recipe" | "set">): FinetuneRecipe {
  const found = recipes.find(({ name }) => name === recipe) ?? readRecipe(recipe);
  return overrideFinetuneRecipe(found, set);
}

function readRecipe(path: string): FinetuneRecipe {
  if (path.endsWith(".json") || existsSync(path)) return checkFinetuneRecipe(readJson(path, "finetuning recipe"), path);
  const near = nearestNames(path, recipeNames);
  throw new UserError(
    "E_RECIPE_NAME",
    `no finetuning recipe is called "${path}"`,
    near.length > 0
      ? `Did you mean ${near.join(" or ")}?`
      : `There is ${recipeNames.join(", ")}, or give a .json file.`,
  );
}
