// One trial trained as far as it is to go: to the end of its budget, where it is scored, or to a rung, where it stops and can go on to
// the same bits.

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import type { HeldOutText } from "../../evaluate/bits/held-out-text.ts";
import type { TrainingEvent, ValidationEvent } from "../../events/event.ts";
import { readEvents } from "../../events/event-reader.ts";
import type { TrialResult, TrialScore } from "../../sweep/trial.ts";
import { hasBegun } from "../../train/run-folder.ts";
import type { BackendChoice } from "../backend.ts";
import { adviseRepeating } from "../pretrain/advice.ts";
import { pretrain } from "../pretrain/pretrain.ts";
import type { PlannedTrial } from "./plan-trials.ts";
import { scoreRun } from "./score-run.ts";

/** Errors that are of what was tried: they are results. Others, of the machine or of what was asked for, end the sweep. */
const ofTheTrial = ["E_DIVERGED", "E_MEMORY", "E_CUDA_MEMORY"];

export interface RunOptions extends BackendChoice {
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainingEvent) => void;
  /** What the end of the budget is scored on. */
  readonly text: HeldOutText | undefined;
}

/** Trains to this share of the budget. Undefined where it was stopped before. UserErrors: those of training and of scoring. */
export async function runTrial(
  trial: PlannedTrial,
  share: number,
  options: RunOptions,
): Promise<TrialResult | undefined> {
  const { plan, recipe, dataset, variation, seed } = trial;
  const rung = new AbortController();
  const hasReached = (event: TrainingEvent): event is ValidationEvent =>
    event.kind === "validation" && event.progress >= share;
  const { backend, threads, device } = options;
  const common = {
    ...{ backend, threads, device },
    signal: AbortSignal.any([options.signal, rung.signal]),
    onEvent: (event: TrainingEvent) => {
      options.onEvent(event);
      if (share < 1 && hasReached(event)) rung.abort();
    },
  };
  let failure: UserError | undefined;
  try {
    // A folder alone is what one leaves that was killed before its run was begun.
    if (hasBegun(plan.run)) await pretrain({ ...common, resume: plan.run, data: plan.data });
    else await pretrain({ ...common, data: plan.data, out: plan.run, recipe: plan.recipe });
  } catch (error) {
    if (common.signal.aborted && (error as Error).name === "AbortError") return undefined;
    if (!(error instanceof UserError) || !ofTheTrial.includes(error.code)) throw adviseRepeating(error);
    failure = error;
  }
  const events = readEvents(join(plan.run, "events.jsonl"));
  const reached = share < 1 ? events.find(hasReached) : events.findLast(hasReached);
  if (failure === undefined && reached === undefined) return undefined;
  const isDone = events.findLast(event => event.kind === "end")?.reason === "budget";
  if (failure === undefined && share === 1 && !isDone) return undefined;
  const steps = events.flatMap(event => (event.kind === "step" ? [event] : []));
  const isScored = failure === undefined && share === 1 && options.text !== undefined;
  const score = isScored ? await scoreTrial(plan.run, options.text!, options) : undefined;
  if (isScored && score === undefined) return undefined;
  const last = failure === undefined ? reached : steps.at(-1);
  const loss = reached && (reached.averageLoss ?? reached.loss);
  return {
    ...{ variation, seed, recipe, dataset },
    reason: failure?.code ?? (share < 1 ? `stopped at ${Math.round(100 * share)} %` : "budget"),
    ...(failure !== undefined && { message: failure.message }),
    ...(failure === undefined && (share < 1 ? { rungLoss: loss! } : { validationLoss: loss! })),
    ...(score !== undefined && { score }),
    steps: last?.step ?? 0,
    tokens: steps.findLast(({ step }) => step <= (last?.step ?? 0))?.tokens ?? 0,
    elapsedSeconds: last?.elapsedSeconds ?? 0,
  };
}

/** Undefined where it was stopped. */
async function scoreTrial(run: string, text: HeldOutText, options: RunOptions): Promise<TrialScore | undefined> {
  try {
    const { bitsPerByte, speltWords } = await scoreRun(run, text.passages, options);
    return { heldOutText: text.hash, bitsPerByte, speltWords };
  } catch (error) {
    if (options.signal.aborted && (error as Error).name === "AbortError") return undefined;
    throw error;
  }
}
