// From a dataset and a recipe to a run, or an interrupted run to its end. The command line and the library listen to the same
// events.

import type { EndEvent, TrainingEvent } from "../../events/event.ts";
import { checkTrackingUri } from "../../tracking/mlflow-client.ts";
import { checkWandbProject } from "../../tracking/wandb-log.ts";
import type { BackendChoice } from "../backend.ts";
import { withRun } from "./open-run.ts";
import { type LogChoice, openTraining } from "./open-training.ts";
import { type NewRun, planNewRun, planResumedRun, type ResumedRun } from "./run-plan.ts";

export type PretrainOptions = (NewRun | ResumedRun) &
  BackendChoice &
  LogChoice & {
    /** Ends the run after the step under way, with a checkpoint. */
    readonly signal?: AbortSignal | undefined;
    /** Called with every event of the run: start, step, validation, checkpoint, end. */
    readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
  };

export interface PretrainResult {
  /** The run's folder, which fill and embed open. */
  readonly run: string;
  /** budget, or interrupted: by the signal. */
  readonly reason: EndEvent["reason"];
  readonly steps: number;
  readonly tokens: number;
  /** Seconds of the budget that were used. */
  readonly elapsedSeconds: number;
  /** Of the last validation, in nats a predicted token; undefined when the run ended before one. */
  readonly validationLoss: number | undefined;
}

/**
 * Trains a model from scratch within a budget, or continues an interrupted run to the same bits as if it had never stopped.
 *
 * ```ts
 * const controller = new AbortController();
 * const { run, steps, validationLoss } = await pretrain({
 *   data: "data/mine",
 *   out: "runs/mine",
 *   recipe: "quickstart",
 *   budget: "3m",
 *   signal: controller.signal,
 *   onEvent: event => {
 *     if (event.kind === "validation") console.log(`step ${event.step}: ${event.loss.toFixed(3)}`);
 *   },
 * });
 * console.log(`${run}: ${steps} steps, held-out loss ${validationLoss}`);
 * ```
 *
 * Errors are `UserError`s with a code that docs/ERRORS.md explains, among them E_RUN_EXISTS, E_DATA_LENGTH, E_DIVERGED.
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  // Refused before a folder is made.
  if (options.mlflow !== undefined) checkTrackingUri(options.mlflow.uri);
  if (options.wandb?.project !== undefined) checkWandbProject(options.wandb.project);
  const plan = "resume" in options ? planResumedRun(options) : planNewRun(options);
  return withRun(plan, options, async open => {
    const { train } = await openTraining(open, options);
    let validationLoss: number | undefined;
    let end: EndEvent | undefined;
    for await (const event of train(options.signal ?? new AbortController().signal)) {
      options.onEvent?.(event);
      if (event.kind === "validation") validationLoss = event.loss;
      if (event.kind === "end") end = event;
    }
    if (end === undefined) throw new Error("training ended without saying so");
    const { reason, step: steps, tokens, elapsedSeconds } = end;
    return { run: open.run, reason, steps, tokens, elapsedSeconds, validationLoss };
  });
}
