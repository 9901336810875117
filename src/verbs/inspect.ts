// The programs of one step of a recipe, as a backend runs them: what they are made of and, when asked, where the time goes.

import type { Backend } from "../backends/backend.ts";
import { systemClock } from "../base/clock.ts";
import { UserError } from "../base/errors.ts";
import type { Program } from "../compiler/program/program.ts";
import { measureCopy } from "../machine/measure-copy.ts";
import { drawBatch } from "../machine/measure-step.ts";
import { countTokenFlops, countTrained } from "../objectives/objectives.ts";
import { defineTraining } from "../train/definition.ts";
import type { Recipe } from "../train/recipe.ts";
import { createLossScaler } from "../train/step/loss-scaler.ts";
import { allocateStates, initialiseStates } from "../train/step/states.ts";
import { buildStepGraphs } from "../train/step/step-graphs.ts";
import { createTouched } from "../train/step/touched.ts";
import { type BackendChoice, withBackend } from "./backend.ts";
import { chooseRecipe, type RecipeChoice } from "./recipe.ts";

export interface InspectOptions extends RecipeChoice, BackendChoice {
  /** Whether the programs are run, and each launch timed. */
  readonly time: boolean;
}

export interface InspectedProgram {
  readonly name: "micro-batch" | "update";
  readonly program: Program;
  /** Of each launch, the median of some runs; undefined unless timed. */
  readonly seconds: readonly number[] | undefined;
}

/** What the machine can do at most, measured now. */
export interface Peaks {
  /** Multiply-adds on registers alone. */
  readonly peakFlops: number;
  /** A copy too large for any cache, bytes read and written. */
  readonly copyBytesPerSecond: number;
}

export interface Inspection {
  readonly recipe: Recipe;
  readonly parameters: number;
  /** Of the model's training arithmetic. */
  readonly flopsPerToken: number;
  /** Undefined unless timed, and where the backend measures none. */
  readonly peaks: Peaks | undefined;
  readonly programs: readonly InspectedProgram[];
}

/** UserErrors: those of choosing a recipe and opening a backend; E_NO_PROGRAM where it runs graphs without programs. */
export function inspectRecipe({ time, ...choice }: InspectOptions): Promise<Inspection> {
  const recipe = chooseRecipe(choice);
  return withBackend(choice, recipe.train.precision, async backend => {
    const definition = defineTraining(recipe);
    const states = allocateStates(backend, definition);
    const graphs = buildStepGraphs(definition, backend);
    const scaler = createLossScaler(backend);
    if (time) await initialiseStates(backend, definition, states);
    const peaks = time ? await measurePeaks(backend) : undefined;
    const programs: InspectedProgram[] = [];
    const batch = drawBatch(recipe);
    const touched = createTouched(definition);
    const ofRows = { ...touched?.listBatchInputs(batch, true), ...touched?.listUpdateInputs() };
    for (const [name, graph, inputs] of [
      ["micro-batch", graphs.first, { ...batch, ...ofRows, ...scaler.listLossInputs() }],
      [
        "update",
        graphs.update,
        { ...definition.scheduleInputs({ step: 1, rateScale: 0 }), ...scaler.listUpdateInputs(1), ...ofRows },
      ],
    ] as const) {
      const loaded = await backend.load(graph, states);
      const { program } = loaded;
      if (program === undefined || loaded.timeLaunches === undefined) {
        throw new UserError("E_NO_PROGRAM", `${backend.name} has no programs`, "Inspect with --backend cpu.");
      }
      if (peaks !== undefined) await loaded.run(inputs);
      const runs = peaks === undefined ? undefined : await loaded.timeLaunches(inputs, timedRuns);
      programs.push({ name, program, seconds: runs && findMedians(runs) });
    }
    const flopsPerToken = countTokenFlops(recipe);
    return { recipe, parameters: countTrained(recipe), flopsPerToken, peaks, programs };
  });
}

/** The median over runs of each launch's seconds. */
function findMedians(runs: readonly Float64Array[]): number[] {
  return Array.from(runs[0]!, (_, i) => runs.map(run => run[i]!).sort((a, b) => a - b)[runs.length >> 1]!);
}

const timedRuns = 5;

async function measurePeaks(backend: Backend): Promise<Peaks | undefined> {
  const peakFlops = await backend.measurePeak?.();
  if (peakFlops === undefined) return undefined;
  return { peakFlops, copyBytesPerSecond: await measureCopy(backend, systemClock, 2 ** 27) };
}
