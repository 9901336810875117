// Options that several verbs have, and what their text means: the backend with its threads, and the recipe.

import { type Command, Option } from "commander";
import { UserError } from "../base/errors.ts";
import { countOf } from "../base/printable.ts";
import { countPerformanceCores } from "../machine/cores.ts";
import { listRecipePaths } from "../train/recipe.ts";
import { type BackendChoice, type BackendName, backendNames } from "../verbs/backend.ts";
import { mostThreads } from "../verbs/given-values.ts";
import { recipeNames } from "../verbs/recipe.ts";
import { parseCount } from "./numbers.ts";
import { suggest } from "./terminal/completion.ts";

export interface BackendOptions {
  readonly backend?: BackendName;
  readonly threads?: string;
  readonly device?: string;
  /** Ends the compiling of kernels. */
  readonly signal?: AbortSignal;
}

export function addBackendOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--backend <name>",
        "what computes; cpu unless given, cuda is an NVIDIA GPU, reference is slow, exact, and needs no C compiler",
      ).choices(backendNames),
    )
    .option(
      "--threads <number>",
      "of the cpu backend; default: the performance cores; with the same number a run repeats its bits",
    )
    .option("--device <number>", "of the cuda backend: which GPU of those that CUDA_VISIBLE_DEVICES shows; default: 0");
}

/** UserError E_OPTION for threads or a device that are no number, or of a backend that has none. */
export function chooseBackend({ backend, threads, device: number, signal }: BackendOptions): BackendChoice {
  const device = number === undefined ? undefined : parseCount("--device", number, 0);
  if (threads === undefined) return { backend, device, signal };
  if (backend === undefined || backend === "cpu")
    return { backend, device, signal, threads: parseCount("--threads", threads, 1, mostThreads) };
  throw new UserError("E_OPTION", `--threads changes nothing with --backend ${backend}`, "Leave it out.");
}

/** What a person should know of the threads that were chosen; undefined: nothing. */
export function describeThreads({ threads }: BackendChoice): string | undefined {
  const cores = countPerformanceCores();
  if (threads === undefined || threads <= cores) return undefined;
  return `${countOf(threads, "thread")} on ${countOf(cores, "core")}: no faster than ${cores}, but with the bits of ${threads}`;
}

/** The words of those options that were given, for a command that is to be typed next. */
export function listGiven(flags: object, options: readonly string[]): string[] {
  const values = new Map<string, unknown>(Object.entries(flags));
  const keyOf = (option: string) => option.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return options.flatMap(option => {
    const value = values.get(keyOf(option));
    if (value === undefined || value === false) return [];
    if (Array.isArray(value)) return value.flatMap(each => [option, String(each)]);
    return value === true ? [option] : [option, String(value)];
  });
}

export interface RecipeOptions {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly budget?: string;
}

export function addRecipeOptions(command: Command, fallback?: string): Command {
  command.addOption(
    suggest(new Option("--recipe <name>", "a name (cram recipe --list), or a recipe's file"), recipeNames).default(
      fallback,
    ),
  );
  return addSet(command);
}

export function addSet(command: Command): Command {
  const set = new Option("--set <path=value>", "change one value of the recipe (repeat for more)");
  return command.addOption(
    suggest(
      set,
      listRecipePaths().map(path => `${path}=`),
    )
      .argParser(collect)
      .default([]),
  );
}

/** Of an option that may be given again and again: all that was given. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
