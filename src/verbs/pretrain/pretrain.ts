// From a dataset and a recipe to a run, or an interrupted run to its end. The command line and the library listen to the same
// events.

import type { EndEvent, TrainingEvent } from "../../events/event.ts";
import { checkTrackingUri } from "../../tracking/mlflow-client.ts";
import { checkWandbProject } from "../../tracking/wandb-log.ts";
import { type BackendChoice, backendOptionKinds } from "../backend.ts";
import { type OptionKinds, readOptions, requireText } from "../given-values.ts";
import { withRun } from "./open-run.ts";
import { type LogChoice, openTraining } from "./open-training.ts";
import { type NewRun, planNewRun, planResumedRun, type ResumedRun } from "./run-plan.ts";

/** Of a run that is begun, and of one that goes on. */
interface TrainingOptions extends BackendChoice, LogChoice {
  /** Ends the run after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  /** Called with every event of the run: start, step, validation, samples, checkpoint, end. */
  readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
  /** Called with the events of a kind: `{ validation: ({ step, loss }) => … }`. */
  readonly on?: EventListeners | undefined;
}

export type PretrainOptions = (NewRun | ResumedRun) & TrainingOptions;

/** For each kind of events who is told of them. */
export type EventListeners = {
  readonly [Kind in TrainingEvent["kind"]]?: ((event: Extract<TrainingEvent, { kind: Kind }>) => void) | undefined;
};

const sharedKinds: OptionKinds<TrainingOptions> = {
  ...backendOptionKinds,
  ...{ tensorboard: "flag", wandb: "read later", mlflow: "read later" },
  ...{ onStatus: "function", onWarning: "function", onEvent: "function", on: "read later" },
};
const newKinds: OptionKinds<NewRun & TrainingOptions> = {
  ...{ recipe: "read later", set: "list of settings", budget: "text", data: "path", out: "path", initFrom: "path" },
  ...{ microBatch: "read later", verify: "flag" },
  ...sharedKinds,
};
const resumedKinds: OptionKinds<ResumedRun & TrainingOptions> = {
  ...{ resume: "path", data: "path", fromStep: "number", extend: "text", verify: "flag" },
  ...sharedKinds,
};
const listenerKinds: OptionKinds<EventListeners> = {
  ...{ start: "function", step: "function", validation: "function" },
  ...{ samples: "function", checkpoint: "function", end: "function" },
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
 * A training under way: its result, once it has ended, and its events, one at a time, of which it is never more than one ahead. They are
 * for one reader, from when its loop begins. Who leaves the loop ends the run as its signal does; the result says when it is saved.
 */
export interface Training extends Promise<PretrainResult>, AsyncIterable<TrainingEvent> {}

/**
 * Trains a model from scratch within a budget, or continues an interrupted run to the same bits as if it had never stopped.
 *
 * ```ts
 * const training = pretrain({ data: "data/mine", out: "runs/mine", recipe: "quickstart", budget: "3m" });
 * for await (const event of training) {
 *   if (event.kind === "validation") console.log(`step ${event.step}: ${event.loss.toFixed(3)}`);
 * }
 * const { run, steps, validationLoss } = await training;
 * console.log(`${run}: ${steps} steps, held-out loss ${validationLoss}`);
 * ```
 *
 * Errors are `UserError`s with a code that docs/ERRORS.md explains, among them E_RUN_EXISTS, E_DATA_LENGTH, E_DIVERGED.
 */
export function pretrain(options: PretrainOptions): Training {
  const leaving = new AbortController();
  const { readable, writable } = new TransformStream<TrainingEvent, TrainingEvent>();
  const writer = writable.getWriter();
  // A reader that has left is told nothing more.
  const ignore = () => undefined;
  writer.closed.catch(ignore);
  let isRead = false;
  const tell = async (event: TrainingEvent): Promise<void> => {
    options.onEvent?.(event);
    (options.on?.[event.kind] as ((event: TrainingEvent) => void) | undefined)?.(event);
    if (isRead) await writer.write(event).catch(ignore);
  };
  const result = train(options, leaving.signal, tell).finally(() => writer.close().catch(ignore));
  async function* read(): AsyncGenerator<TrainingEvent, void> {
    isRead = true;
    try {
      yield* readable;
      // What the training threw, a reader is to be thrown, too.
      await result;
    } finally {
      leaving.abort();
      result.catch(ignore);
    }
  }
  return Object.assign(result, { [Symbol.asyncIterator]: read });
}

/** What is given, of a run that is begun or of one that goes on. UserError E_OPTION for what this one does not have. */
function readGiven(given: PretrainOptions): PretrainOptions {
  const resumes = (given as Partial<ResumedRun> | undefined)?.resume ?? undefined;
  const { on, wandb, mlflow, ...options } =
    resumes === undefined
      ? readOptions("pretrain", given as NewRun & TrainingOptions, newKinds)
      : readOptions("pretrain with resume", given as ResumedRun & TrainingOptions, resumedKinds);
  const server = mlflow && readOptions("mlflow of pretrain", mlflow, { uri: "text", experiment: "text" });
  if (server)
    requireText("mlflow of pretrain", server.uri, "uri", "Give a server's address, as http://127.0.0.1:5000.");
  return {
    ...options,
    on: on && readOptions("on of pretrain", on, listenerKinds),
    wandb: wandb && readOptions("wandb of pretrain", wandb, { project: "text" }),
    mlflow: server,
  };
}

async function train(
  given: PretrainOptions,
  leaving: AbortSignal,
  tell: (event: TrainingEvent) => Promise<void>,
): Promise<PretrainResult> {
  const options = readGiven(given);
  // Refused before a folder is made.
  if (options.mlflow !== undefined) checkTrackingUri(options.mlflow.uri);
  if (options.wandb?.project !== undefined) checkWandbProject(options.wandb.project);
  const plan = "resume" in options ? planResumedRun(options) : planNewRun(options);
  const signal = options.signal === undefined ? leaving : AbortSignal.any([options.signal, leaving]);
  return withRun(plan, options, async open => {
    const training = await openTraining(open, options);
    let validationLoss: number | undefined;
    let end: EndEvent | undefined;
    for await (const event of training.train(signal)) {
      await tell(event);
      if (event.kind === "validation") validationLoss = event.loss;
      if (event.kind === "end") end = event;
    }
    if (end === undefined) throw new Error("training ended without saying so");
    const { reason, step: steps, tokens, elapsedSeconds } = end;
    return { run: open.run, reason, steps, tokens, elapsedSeconds, validationLoss };
  });
}
