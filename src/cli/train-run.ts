// Trains a run and shows it: events go to the screen. Shared by pretrain and quickstart.

import { countOf } from "../base/printable.ts";
import { quoteOwnCommand } from "../base/shell-words.ts";
import type { EndEvent, StartEvent, StepEvent, TrainingEvent } from "../events/event.ts";
import { createSpeedometer } from "../events/speed.ts";
import { countTokenFlops, findMeasured } from "../objectives/objectives.ts";
import type { Budget } from "../train/budget.ts";
import type { Recipe } from "../train/recipe.ts";
import { createSlowStepWatch } from "../train/slow-steps.ts";
import type { RankChoice } from "../verbs/pretrain/lead-run.ts";
import type { OpenRun } from "../verbs/pretrain/open-run.ts";
import { type LogChoice, openTraining } from "../verbs/pretrain/open-training.ts";
import { formatAmount } from "./terminal/amount.ts";
import { colour, createStepPrinter, print, printError, printWarning, showStatus } from "./terminal/output.ts";
import { printFilled } from "./terminal/print-filled.ts";

/** What a signal begins: see stopOnSignals. */
export const stopAnnouncement = "stopping; a step under way is ended, and what is trained is saved";

/** Where it began nothing: a new run's folder is gone again. */
export const nothingTrained =
  "stopped before the first step: nothing is trained, and no run is left; the same command begins one";

interface TrainChoice extends Pick<LogChoice, "tensorboard" | "wandb" | "mlflow"> {
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Of a process that leads others. */
  readonly rankChoice?: RankChoice | undefined;
  /** What goes on with the run beside --resume and its folder: options that a run does not remember. */
  readonly resumeWords?: readonly string[];
}

/** Runs until the budget or the signal; the end event says which. */
export async function trainRun(
  open: OpenRun,
  { json, signal, resumeWords = [], ...logs }: TrainChoice,
): Promise<EndEvent> {
  const { recipe, run } = open;
  const { budget, train } = await openTraining(open, {
    ...logs,
    onStatus: json ? undefined : showStatus,
    onWarning: printWarning,
  });
  signal.throwIfAborted();
  const show = json
    ? (event: TrainingEvent) => print(JSON.stringify(event))
    : createEventPrinter(recipe, budget, [run, ...resumeWords]);
  // Read to the end: behind the end event of a training that came apart comes the error that says why.
  let end: EndEvent | undefined;
  for await (const event of train(signal)) {
    show(event);
    if (event.kind === "end") end = event;
  }
  if (end !== undefined) return end;
  throw new Error("training ended without saying so");
}

/** One line of text an event, steps as the status. `resumed`: what goes on with the run, behind --resume. */
function createEventPrinter(
  recipe: Recipe,
  budget: Budget,
  resumed: readonly string[],
): (event: TrainingEvent) => void {
  const { train, model } = recipe;
  const createStepLine = ({ peakFlops }: StartEvent) => {
    const { sequenceLength: tokensPerSequence } = model;
    const flopsPerToken = countTokenFlops(recipe);
    return createStepPrinter(budget, createSpeedometer({ tokensPerSequence, flopsPerToken, peakFlops }));
  };
  const watchSpeed = createSlowStepWatch();
  let describeStep: ((event: StepEvent) => string) | undefined;
  return event => {
    if (event.kind === "start") {
      describeStep = createStepLine(event);
      const from = event.step > 0 ? `, resumed at step ${event.step}` : "";
      const parameters = event.parameters.toLocaleString("en-US");
      print(`${parameters} parameters on ${event.device}; warm-up ${event.warmupSeconds.toFixed(1)} s${from}`);
      if (event.budget !== undefined) {
        const used = budget.kind === "steps" ? event.step / budget.steps : event.elapsedSeconds / budget.seconds;
        print(
          `the budget of ${train.budget} is extended to ${event.budget} in all; ${Math.round(100 * used)} % of it is used`,
        );
        print("learning rate and batch go on as their schedules are at that share of the whole: a rate may rise again");
      }
      const toBeat = event.unigramEntropy?.toFixed(3);
      const measured = findMeasured(recipe);
      if (measured !== undefined) print(`validation measures ${measured}`);
      if (toBeat !== undefined) print(`the line to beat: ${toBeat} nats, the held-out text's unigram entropy`);
    } else if (event.kind === "step") {
      showStatus(describeStep!(event));
      const slow = watchSpeed(event);
      if (slow !== undefined) printError(slow);
      if (event.stoppedSeconds !== undefined)
        printError(`stopped for ${event.stoppedSeconds.toFixed(1)} s, which the budget leaves out`);
      if (event.skipped) printError(`step ${event.step} was not finite and changed nothing`);
    } else if (event.kind === "validation") {
      const average = event.averageLoss === undefined ? "" : `, of the average ${event.averageLoss.toFixed(3)}`;
      print(colour("bold", `validation loss ${event.loss.toFixed(3)}${average} at step ${event.step}`));
    } else if (event.kind === "checkpoint" && event.isBest === true) {
      print(`the lowest so far, kept as ${event.path}`);
    } else if (event.kind === "samples") {
      for (const { text, masks } of event.fills) printFilled(text, masks);
      for (const { text, nearest } of event.neighbours)
        print(`${text} is near ${nearest.map(({ token }) => token).join(", ")}`);
    } else if (event.kind === "end") {
      print(
        `${countOf(event.step, "step", String)}, ${countOf(event.tokens, "token", formatAmount)}, ${event.elapsedSeconds.toFixed(1)} s of the budget`,
      );
      if (event.reason === "interrupted")
        print(`interrupted; continue with: ${quoteOwnCommand("pretrain", "--resume", ...resumed)}`);
    }
  };
}
