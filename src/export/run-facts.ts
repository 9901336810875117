// What a model card says of a run, from the files in its folder. What is not there is not said.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { findRun, readCounters } from "../checkpoint/state.ts";
import { readEvents } from "../events/event-reader.ts";
import { type Evaluation, readEvaluations } from "../report/runs/evaluations.ts";
import type { Recipe } from "../train/recipe.ts";
import { readRunRecipe } from "../train/run-folder.ts";
import type { AverageName } from "../train/stored-average.ts";

export interface RunFacts {
  readonly recipe: Recipe;
  /** Of the checkpoint that is exported. */
  readonly step: number;
  readonly tokens: number;
  readonly elapsedSeconds: number;
  readonly datasetHash: string;
  /** The devices it was trained on, as they describe themselves. */
  readonly devices: readonly string[];
  /** Nats; undefined where the run has no events. */
  readonly losses: {
    /** Mean of the last steps. */
    readonly training: number | undefined;
    readonly validation: number | undefined;
    /** Of a model that knows only how frequent each token is. */
    readonly unigram: number | undefined;
  };
  readonly evaluations: readonly Evaluation[];
  /** Whether the run began with another model's parameters. */
  readonly isContinued: boolean;
}

const stepsAveraged = 100;

/** Of a run, or of one of its checkpoints. With `average` its loss is given. Errors: E_NO_CHECKPOINT and those of reading the files. */
export function readRunFacts(given: string, average?: AverageName): RunFacts {
  const run = findRun(given);
  const recipe = readRunRecipe(run);
  const counters = readCounters(given);
  const path = join(run, "events.jsonl");
  const events = existsSync(path) ? readEvents(path).filter(({ step }) => step <= counters.step) : [];
  const losses = events.flatMap(event => (event.kind === "step" && !event.skipped ? [event.loss] : []));
  const last = losses.slice(-stepsAveraged);
  const starts = events.filter(event => event.kind === "start");
  const validation = events.findLast(event => event.kind === "validation");
  return {
    recipe,
    step: counters.step,
    tokens: counters.sequences * recipe.model.sequenceLength,
    elapsedSeconds: counters.elapsedSeconds,
    datasetHash: counters.datasetHash,
    devices: [...new Set(starts.map(({ device }) => device))],
    losses: {
      training: last.length === 0 ? undefined : last.reduce((a, b) => a + b, 0) / last.length,
      validation: average === undefined ? validation?.loss : validation?.averageLoss,
      unigram: starts.at(-1)?.unigramEntropy,
    },
    evaluations: readEvaluations(join(run, "evaluations")).finished,
    isContinued: existsSync(join(run, "initial.safetensors")),
  };
}
