// What an evaluation is asked to do: a suite, a table of one's own, or minimal pairs. What one of them would ignore is refused by
// its name on the command line, which is the option's own.

import { UserError } from "../../base/errors.ts";
import type { EvaluationEvent } from "../../evaluate/evaluation.ts";
import type { FinetuneRecipe } from "../../evaluate/finetuning/finetune-recipe.ts";
import type { ParadigmScore } from "../../evaluate/pairs/paradigm-scores.ts";
import type { Scoreboard } from "../../evaluate/scores/scoreboard.ts";
import type { BackendChoice } from "../backend.ts";

/** The suite of minimal pairs, which are scored without training. */
export const pairSuite = "blimp";

/** Either `suite` and `suiteDir`, or `task` with its columns. */
export interface EvaluateOptions extends BackendChoice {
  /** glue, super-glue, race or swag; or blimp, minimal pairs scored without training. */
  readonly suite?: string | undefined;
  /** The folder of the suite's files. */
  readonly suiteDir?: string | undefined;
  /** Only these tasks of the suite. Default: all. */
  readonly tasks?: readonly string[] | undefined;
  /** Where the files go that the GLUE or SuperGLUE server takes. Default: nowhere. */
  readonly submission?: string | undefined;
  /** A table of one's own, .tsv, .csv, .jsonl (also .gz) or .parquet; or, of the kind tokens, words with tags. */
  readonly task?: string | undefined;
  /** What `task` is called among the results. Default: as its file. */
  readonly name?: string | undefined;
  /** What parts the fields of `task`: "," ";" "|" or "tab". Default: as its first lines show. */
  readonly separator?: string | undefined;
  /** Columns of the texts of an example. */
  readonly text?: readonly string[] | undefined;
  /** The column of the label or number. */
  readonly label?: string | undefined;
  /** classification, regression or tokens. Default: as the labels are. */
  readonly kind?: string | undefined;
  /** What to score on. Default: a tenth of `task`, held out. */
  readonly validation?: string | undefined;
  /** Examples of `task` without labels, to be predicted. */
  readonly test?: string | undefined;
  /** How to finetune: a name, the path of a .json, or a recipe. Default glue. */
  readonly recipe?: string | FinetuneRecipe | undefined;
  /** Assignments to values of the recipe such as "epochs=3", the last one counts. */
  readonly set?: readonly string[] | undefined;
  /** Finetunings of each task, of which the median counts. Default 5. */
  readonly seeds?: number | undefined;
  /** Also finetunes untrained weights, and answers with the commonest class. Default false. */
  readonly controls?: boolean | undefined;
  /** Stores each seed's finetuned model, for `exportModel` and `openModel`: 4 bytes a parameter. Default false. */
  readonly keepModels?: boolean | undefined;
  /** Training examples at most; such scores are marked. Default: all. */
  readonly maxTrain?: number | undefined;
  /** Where results go. Default: evaluations/ in the model's folder. */
  readonly out?: string | undefined;
}

/** What an evaluation tells while it runs. */
export type EvaluateEvent =
  /** The backend is open; what a person should know of the model. */
  | {
      readonly kind: "open";
      readonly device: string;
      readonly recipe?: FinetuneRecipe;
      readonly notes: readonly string[];
    }
  | EvaluationEvent
  | ({ readonly kind: "paradigm"; readonly isNew: boolean; readonly paradigms: number } & ParadigmScore)
  /** The table of all stored results of this model and recipe. */
  | { readonly kind: "scoreboard"; readonly scoreboard: Scoreboard }
  | { readonly kind: "submission"; readonly folder: string; readonly files: readonly string[] };

/** An evaluation whose model and files were read, and found sound. */
export interface OpenEvaluation {
  /** Names of its tasks. */
  readonly tasks: readonly string[];
  /** The folder of the results. */
  readonly root: string;
  /** Scores what is not stored yet, until the signal. */
  run(signal: AbortSignal, onEvent: (event: EvaluateEvent) => void): Promise<void>;
}

/** UserError E_OPTION where one of the options is given, for it would be ignored. */
export function refuseOptions(options: EvaluateOptions, names: readonly (keyof EvaluateOptions)[], why: string): void {
  const isGiven = (value: unknown) =>
    value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
  const given = names.find(name => isGiven(options[name]));
  if (given !== undefined) throw refuseOption(given, why);
}

/** The error of an option that does not fit. */
export function refuseOption(name: keyof EvaluateOptions, why: string): UserError {
  const flag = `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
  return new UserError("E_OPTION", `${flag} ${why}`, "cram evaluate --help has examples.");
}
