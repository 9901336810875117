// A model scored: finetuned on the tasks of a suite or on a table of one's own, or on minimal pairs without training. The command
// line and the library listen to the same events.

import type { Scoreboard } from "../../evaluate/scores/scoreboard.ts";
import { backendOptionKinds } from "../backend.ts";
import { type OptionKinds, readOptions, requireCount, requireModelFolder } from "../given-values.ts";
import { type EvaluateEvent, type EvaluateOptions, type OpenEvaluation, pairSuite } from "./evaluate-options.ts";
import { openPairEvaluation } from "./pair-evaluation.ts";
import { openTaskEvaluation } from "./task-evaluation.ts";

/** Reads what an evaluation needs. UserErrors: E_OPTION for numbers out of range, and those of what is to be evaluated. */
export function openEvaluation(folder: string, options: EvaluateOptions): Promise<OpenEvaluation> {
  for (const name of ["seeds", "maxTrain"] as const) {
    if (options[name] !== undefined) requireCount(options[name], name, 1);
  }
  return (options.suite === pairSuite ? openPairEvaluation : openTaskEvaluation)(folder, options);
}

export type EvaluateCallOptions = EvaluateOptions & {
  /** Ends the evaluation after the step under way; what is finished is stored. */
  readonly signal?: AbortSignal | undefined;
  /** Called with everything that happens: plan, task, step, epoch, result, scoreboard. */
  readonly onEvent?: ((event: EvaluateEvent) => void) | undefined;
};

const optionKinds: OptionKinds<EvaluateCallOptions> = {
  ...{ suite: "text", suiteDir: "path", tasks: "list of tasks", submission: "path" },
  ...{ task: "path", name: "text", separator: "text", text: "list of columns", label: "text", kind: "text" },
  ...{ validation: "path", test: "path", recipe: "read later", set: "list of settings", seeds: "number" },
  ...{ controls: "flag", keepModels: "flag", maxTrain: "number", out: "path" },
  ...backendOptionKinds,
  onEvent: "function",
};

export interface Evaluation {
  /** The folder of the results, which docs/FORMATS.md describes. */
  readonly out: string;
  /** interrupted: by the signal; the same call goes on with what is not finished. */
  readonly reason: "finished" | "interrupted";
  /** Of all stored results of this model and recipe. */
  readonly scoreboard: Scoreboard;
}

/**
 * Finetunes a model, a run or another that `openModel` opens, on each task once a seed, and scores it. Results are stored, and
 * not computed again.
 *
 * ```ts
 * const { scoreboard } = await evaluate("runs/mine", {
 *   task: "moods.csv",
 *   text: ["sentence"],
 *   label: "mood",
 *   set: ["maxLength=32", "epochs=1"],
 *   seeds: 1,
 * });
 * const [model] = scoreboard.rows;
 * for (const { name, metric } of scoreboard.columns) console.log(name, metric, model!.cells[name]!.median.toFixed(1));
 * ```
 *
 * Errors are `UserError`s, among them E_OPTION, E_SUITE_NAME, E_TASK_COLUMN, E_TASK_LABEL, E_FINETUNE_LENGTH.
 */
export async function evaluate(folder: string, options: EvaluateCallOptions): Promise<Evaluation> {
  const { onEvent, ...asked } = readOptions("evaluate", options, optionKinds);
  requireModelFolder("evaluate", folder);
  const { root, run } = await openEvaluation(folder, asked);
  let reason: Evaluation["reason"] = "interrupted";
  let scoreboard: Scoreboard | undefined;
  await run(asked.signal ?? new AbortController().signal, event => {
    onEvent?.(event);
    if (event.kind === "end") reason = event.reason;
    if (event.kind === "scoreboard") scoreboard = event.scoreboard;
  });
  if (scoreboard === undefined) throw new Error("an evaluation ended without a scoreboard");
  return { out: root, reason, scoreboard };
}
