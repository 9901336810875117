// Trains a run and shows it: events go to events.jsonl and to the screen, Ctrl-C ends it after the step under way with a
// checkpoint. Shared by pretrain and quickstart.

import { join } from "node:path";
import type { Backend } from "../backends/backend.ts";
import { systemClock } from "../base/clock.ts";
import { countTrainingFlops } from "../model/shape.ts";
import { parseBudget } from "../train/budget.ts";
import { defineTraining } from "../train/definition.ts";
import { type EndEvent, EventLog, type TrainingEvent } from "../train/events.ts";
import { type BatchSource, pretrain } from "../train/pretrain.ts";
import type { Recipe } from "../train/recipe.ts";
import { hashRecipe, loadRunState } from "../train/run-folder.ts";
import { openEngine } from "../train/step.ts";
import { colour, createStepPrinter, print, printError, showStatus } from "./output.ts";

export interface TrainRunOptions {
  readonly backend: Backend;
  readonly recipe: Recipe;
  readonly source: BatchSource;
  readonly run: string;
  readonly json: boolean;
}

/** Runs until the budget or Ctrl-C; the end event says which. */
export async function trainRun({ backend, recipe, source, run, json }: TrainRunOptions): Promise<EndEvent> {
  const definition = defineTraining(recipe);
  const resumeFrom = loadRunState(run, recipe, definition, source.datasetHash);
  const engine = await openEngine(backend, definition);
  const log = new EventLog(join(run, "events.jsonl"), resumeFrom?.counters.step);
  const interrupt = new AbortController();
  const stop = () => {
    printError("stopping after this step; a checkpoint follows");
    interrupt.abort();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const show = json
    ? (event: TrainingEvent) => print(JSON.stringify(event))
    : createEventPrinter(recipe, run, await backend.measurePeak?.());
  try {
    const options = { engine, source, recipe, recipeHash: hashRecipe(recipe), clock: systemClock, run, resumeFrom };
    for await (const event of pretrain({ ...options, signal: interrupt.signal })) {
      log.append(event);
      show(event);
      if (event.kind === "end") return event;
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    log.close();
  }
  throw new Error("training ended without saying so");
}

/** One line of text an event, steps as the status. */
function createEventPrinter(
  recipe: Recipe,
  run: string,
  peakFlops: number | undefined,
): (event: TrainingEvent) => void {
  const { train, model, data } = recipe;
  const peakSecondsPerToken =
    peakFlops === undefined ? undefined : countTrainingFlops(model, data.maskFraction) / peakFlops;
  const describeStep = createStepPrinter(parseBudget(train.budget), model.sequenceLength, peakSecondsPerToken);
  return event => {
    if (event.kind === "start") {
      const from = event.step > 0 ? `, resumed at step ${event.step}` : "";
      const parameters = event.parameters.toLocaleString("en-US");
      print(`${parameters} parameters on ${event.device}; warm-up ${event.warmupSeconds.toFixed(1)} s${from}`);
      print(`the line to beat: ${event.unigramEntropy.toFixed(3)} nats, the held-out text's unigram entropy`);
    } else if (event.kind === "step") {
      showStatus(describeStep(event));
      if (event.skipped) printError(`step ${event.step} was not finite and changed nothing`);
    } else if (event.kind === "validation") {
      print(colour("bold", `validation loss ${event.loss.toFixed(3)} at step ${event.step}`));
    } else if (event.kind === "end") {
      const tokens = (event.tokens / 1e6).toFixed(2);
      print(`${event.step} steps, ${tokens} M tokens, ${event.elapsedSeconds.toFixed(1)} s of the budget`);
      if (event.reason === "interrupted") print(`interrupted; continue with: cram pretrain --resume ${run}`);
    }
  };
}
